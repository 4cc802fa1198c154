#!/usr/bin/env bash
# The gateway's resident memory, on two threads: idle, while 1 GB streams in each direction, with 1,000 connections
# that all send, and with 10,000 connections that wait and are all answered afterwards. Called by gateway.sh.
#   GATEWAY=… WORK=… bash e2e/bench/gateway-memory.sh
set -euo pipefail
cd "$(dirname "$0")"
: "${GATEWAY:?names the binary}" "${WORK:?has jwks.json and load.lua}"
idle=${IDLE:-10000}
bytes=$((1 << 30))
# As many files as there may be: each of 10,000 connections has two ends here.
ulimit -n "$(ulimit -Hn)"

cat >"$WORK/upstream-memory.conf" <<EOF
worker_processes 1; pid $WORK/upstream-memory.pid; error_log /dev/null; daemon off;
events { worker_connections 16384; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600;
  server { listen 127.0.0.1:9320; location / { default_type application/json; return 200 '{"items":[],"next":null}'; } } }
EOF
cat >"$WORK/routes-memory.yaml" <<EOF
version: 1
upstreams:
  order: {url: "http://127.0.0.1:9320"}
  photostock: {url: "http://127.0.0.1:9322"}
  web: {url: "http://127.0.0.1:9320"}
routes:
  - {path: /services/order/v1, upstream: order, methods: [GET], audience: order, exchange: false, bodyLimitBytes: 0, timeoutSeconds: 10}
  - {path: /long, upstream: photostock, methods: [GET, POST], bodyLimitBytes: $bytes, timeoutSeconds: 120}
  - {path: /, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 10}
EOF
truncate -s "$bytes" "$WORK/long"

pids=()
finish() {
  kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
}
trap finish EXIT
nginx -c "$WORK/upstream-memory.conf" &
pids+=("$!")
python3 gateway-peer.py long 9322 "$bytes" &
pids+=("$!")
env -i LISTEN_ADDR=127.0.0.1:9321 ADMIN_ADDR=127.0.0.1:9331 PUBLIC_URL=http://localhost:8080 \
  ROUTES_FILE="$WORK/routes-memory.yaml" JWKS_URI="file://$WORK/jwks.json" SERVING_THREADS=2 LOG_FORMAT=text \
  "$GATEWAY" >"$WORK/gateway-memory.log" 2>&1 &
gateway=$!
pids+=("$gateway")
for _ in {1..100}; do
  if curl -s -o /dev/null http://127.0.0.1:9321/; then break; fi
  sleep 0.1
done

megabytes() { awk '/^VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$gateway/status"; }
most=0
watch() { # pid: the most while that process runs
  most=0
  while kill -0 "$1" 2>/dev/null; do
    most=$(awk -v a="$(megabytes)" -v b="$most" 'BEGIN {print (a > b ? a : b)}')
    sleep 0.2
  done
  wait "$1"
}
row() { printf '| %s | %s |\n' "$1" "$2"; }

printf '\n| memory of the gateway, two threads | MB |\n|---|---:|\n'
row "idle" "$(megabytes)"
before=$(megabytes)
curl -sf -o /dev/null http://127.0.0.1:9321/long &
watch "$!"
row "more than that while 1 GB streams down, at most" "$(awk -v a="$most" -v b="$before" 'BEGIN {printf "%.1f", a - b}')"
before=$(megabytes)
curl -sf -o /dev/null -X POST -H 'expect:' -T "$WORK/long" http://127.0.0.1:9321/long &
watch "$!"
row "more than that while 1 GB streams up, at most" "$(awk -v a="$most" -v b="$before" 'BEGIN {printf "%.1f", a - b}')"
rm "$WORK/long"
wrk -t1 -c1000 -d5s -s "$WORK/load.lua" http://127.0.0.1:9321/services/order/v1/orders >"$WORK/wrk.out" &
watch "$!"
if grep -q 'Non-2xx' "$WORK/wrk.out"; then
  cat "$WORK/wrk.out" >&2
  exit 1
fi
row "1,000 connections that all send, at most" "$most"
coproc waiting { python3 gateway-peer.py idle 9321 "$idle"; }
# shellcheck disable=SC2154 # coproc sets it
read -r opened <&"${waiting[0]}"
row "$opened connections that wait" "$(megabytes)"
echo again >&"${waiting[1]}"
read -r answered <&"${waiting[0]}"
row "$answered of them asked once more" "$(megabytes)"
# shellcheck disable=SC2154 # so does this
wait "$waiting_PID"
