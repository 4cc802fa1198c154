#!/usr/bin/env bash
# `make bench-cache`: what the gateway's response cache brings. The same catalog with its demo data behind two gateways,
# one of which keeps nothing; interleaved rounds of many equal requests of visitors. Gateways and catalog run on one
# core, load (wrk) and servers on the other. Prints, as the best of the rounds, how many requests a second that core
# answers, and what a request takes of it in the gateway and in the catalog.
#
#   ROUNDS=3 SECONDS_EACH=4 CONNECTIONS=64 bash e2e/bench/cache.sh
#   PROGRAMS=folder …               # programs that are built already: gateway, catalog
#   LOCAL=program …                 # courseplatform-local
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ ${1-} != inside ]]; then
  command -v wrk >/dev/null || apt-get install --quiet=2 --yes --no-install-recommends wrk >/dev/null
  if [[ -z ${PROGRAMS-} ]]; then
    cargo build --release --bin gateway --bin catalog --bin courseplatform-local
    export PROGRAMS="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release"
  fi
  exec taskset --cpu-list 1 "${LOCAL:-$PROGRAMS/courseplatform-local}" servers -- bash "$0" inside
fi

programs=$PROGRAMS
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-4}
connections=${CONNECTIONS:-64}
place=$(mktemp -d)
processes=()
# shellcheck disable=SC2317 # called by the trap
finish() {
  (($? == 0)) || cat "$place"/*.log >&2
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$place"
}
trap finish EXIT

# Nobody comes with a token, but there must be a key: the public one of RFC 7515 §A.3.
cat >"$place/jwks.json" <<JSON
{"keys": [{"kid": "none", "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
 "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}
JSON
printf '%s/bench' "${TEST_MONGODB_URL%/}" >"$place/mongodb-url"
printf 'amqp://nobody:nothing@127.0.0.1:1/none' >"$place/amqp-url"
export PUBLIC_URL=http://localhost:8080 LOG_FORMAT=text JWKS_URI=file://$place/jwks.json
export MONGODB_URL_FILE=$place/mongodb-url AMQP_URL_FILE=$place/amqp-url
"$programs/catalog" migrate >"$place/catalog.log" 2>&1
"$programs/catalog" seed >>"$place/catalog.log" 2>&1

declare -A pid port=([catalog]=9400 [without]=9401 [with]=9402)
begin() { # name, command…
  local name=$1
  shift
  LISTEN_ADDR=127.0.0.1:${port[$name]} ADMIN_ADDR=127.0.0.1:$((port[$name] + 10)) \
    taskset --cpu-list 0 "$@" >>"$place/$name.log" 2>&1 &
  pid[$name]=$!
  processes+=("$!")
}
begin catalog "$programs/catalog" serve
for name in without with; do
  cat >"$place/$name.yaml" <<YAML
version: 1
upstreams:
  catalog: {url: "http://127.0.0.1:${port[catalog]}"}
routes:
  - path: /services/catalog/v1
    upstream: catalog
    stripPrefix: /services/catalog
    methods: [GET]
    audience: catalog
    publicMethods: [GET]
    exchange: false
    bodyLimitBytes: 1000
    timeoutSeconds: 10
    $([[ $name == with ]] && printf 'cache: {}')
YAML
  ROUTES_FILE=$place/$name.yaml SERVING_THREADS=1 begin "$name" "$programs/gateway" serve
done

base=/services/catalog/v1
url() { printf 'http://127.0.0.1:%s%s%s' "${port[$1]}" "$base" "$2"; }
for name in without with; do
  until curl --silent --fail --output /dev/null "$(url "$name" '/courses?limit=12')"; do
    ((SECONDS < 60)) || exit 1
    sleep 0.1
  done
done
first_of() { curl --silent --fail "$(url without "/$1?limit=1")" | sed -nE 's/.*\{"id":"([0-9a-f-]{36})".*/\1/p'; }
course=$(first_of courses) category=$(first_of categories)
tag=$(curl --silent --fail --output /dev/null --write-out '%header{etag}' "$(url without '/courses?limit=12')")

hertz=$(getconf CLK_TCK)
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }
declare -A best
keep() { # key, value, operator: kept when it is better
  if [[ -z ${best[$1]:-} ]] || awk "BEGIN {exit !($2 $3 ${best[$1]})}"; then best[$1]=$2; fi
}
measure() { # what, gateway, path, [header]
  local gateway catalog requests rate key="$1 $2"
  gateway=$(ticks "${pid[$2]}") catalog=$(ticks "${pid[catalog]}")
  wrk -t1 -c"$connections" -d"${seconds}s" ${4:+-H "$4"} "$(url "$2" "$3")" >"$place/wrk.out"
  gateway=$(($(ticks "${pid[$2]}") - gateway)) catalog=$(($(ticks "${pid[catalog]}") - catalog))
  if grep -qE 'Non-2xx or 3xx|Socket errors' "$place/wrk.out"; then
    cat "$place/wrk.out" >&2
    exit 1
  fi
  requests=$(sed -nE 's/^ *([0-9]+) requests in .*/\1/p' "$place/wrk.out")
  rate=$(sed -nE 's/^Requests\/sec: *([0-9]+).*/\1/p' "$place/wrk.out")
  micros() { awk -v t="$1" -v hz="$hertz" -v n="$requests" 'BEGIN {printf "%.1f", t / hz * 1e6 / n}'; }
  keep "$key rate" "$rate" '>'
  keep "$key gateway" "$(micros "$gateway")" '<'
  keep "$key catalog" "$(micros "$catalog")" '<'
  printf 'round %s  %-22s %-8s %7s/s  gateway %6s µs, catalog %6s µs\n' "$round" "$1" "$2" "$rate" \
    "$(micros "$gateway")" "$(micros "$catalog")"
  # Requests that wrk gave up cost the catalog connections to its database: it makes new ones first.
  until curl --silent --fail --max-time 1 --output /dev/null "http://127.0.0.1:${port[catalog]}/v1/courses/$course"; do
    sleep 0.2
  done
}
kinds=('the newest courses' 'the same, known' 'list of a category' 'one course')
printf '%s cores, %s, load average %s\n' "$(nproc --all)" "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" \
  "$(cut -d' ' -f1 /proc/loadavg)"
for ((round = 1; round <= rounds; round++)); do
  for name in without with; do
    measure "${kinds[0]}" "$name" '/courses?limit=12'
    measure "${kinds[1]}" "$name" '/courses?limit=12' "if-none-match: $tag"
    measure "${kinds[2]}" "$name" "/courses?category=$category&limit=24"
    measure "${kinds[3]}" "$name" "/courses/$course"
  done
done
printf '\n| what visitors ask for | cache | requests/s | gateway, µs | catalog, µs |\n|---|---|---:|---:|---:|\n'
for kind in "${kinds[@]}"; do
  for name in without with; do
    printf '| %s | %s | %s | %s | %s |\n' "$kind" "$name" "${best[$kind $name rate]}" "${best[$kind $name gateway]}" \
      "${best[$kind $name catalog]}"
  done
done
