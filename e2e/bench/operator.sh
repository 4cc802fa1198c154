#!/usr/bin/env bash
# `make bench-operator`: what the operator takes beside a real kube-apiserver and etcd, with one platform and with
# many: resident memory, the time of a pass that changes nothing, and its writes while nothing happens. No pod runs
# there: platforms.py says what the cluster's controllers and kubelets would. Prints a table in Markdown.
#   PLATFORMS=200 QUIET=60 OPERATOR=path/of/a/built/one bash e2e/bench/operator.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

many=${PLATFORMS:-200}
quiet=${QUIET:-60}
if [[ -z ${OPERATOR:-} ]]; then cargo build --release --package courseplatform-operator; fi
operator=${OPERATOR:-${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/courseplatform-operator}
work="$PWD/.run/bench-operator"
rm -rf "$work"
mkdir -p "$work"
pid=''
finish() {
  if [[ -n $pid ]]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  bash e2e/cluster/apiserver.sh stop "$work"
}
trap finish EXIT

started=$(bash e2e/cluster/apiserver.sh start "$work")
KUBECONFIG=$(sed -n 's/^KUBECONFIG=//p' <<<"$started")
kubectl=$(sed -n 's/^KUBECTL=//p' <<<"$started")
export KUBECONFIG
address=$(sed -nE 's|.*server: https://||p' "$KUBECONFIG")
"$operator" crd | "$kubectl" apply --server-side -f - >/dev/null
"$kubectl" wait --for=condition=Established crd/courseplatforms.courseplatform.dev >/dev/null

# The times of passes stand in the log.
export ADMIN_ADDR=127.0.0.1:19190 LOG_FORMAT=json LOG_LEVEL=info,courseplatform_operator::reconcile=debug
start() {
  : >"$work/operator.log" # emptied here, so that nobody reads what the one before wrote
  "$operator" >"$work/operator.log" 2>&1 &
  pid=$!
  for _ in {1..300}; do
    grep -q 'every kind is listed' "$work/operator.log" && return
    sleep 0.1
  done
  tail -n 20 "$work/operator.log" >&2
  exit 1
}
restart() {
  kill "$pid"
  wait "$pid" || true
  start
  sleep 15
}
memory() { awk '/^VmRSS/ {printf "%.1f", $2 * 1024 / 1e6}' "/proc/$pid/status"; }
writes() {
  curl --silent --fail "http://$ADMIN_ADDR/metrics" |
    awk '/^courseplatform_operator_api_writes_total/ {n += $2} END {print n + 0}'
}
platforms() { python3 e2e/bench/platforms.py "$work/pki" "$address" "$@"; }

# times COUNT TIMES: the median and the 99th percentile of the passes that touching the platforms makes, in ms.
times() {
  local from
  from=$(wc -l <"$work/operator.log")
  platforms touch "$1" "$2"
  sleep 2
  tail -n "+$((from + 1))" "$work/operator.log" | sed -nE 's/.*"took_us":"?([0-9]+).*/\1/p' | sort -n |
    awk '{all[NR] = $1} END {
      if (NR == 0) {print "none | none"; exit}
      printf "%.1f | %.1f", all[int((NR + 1) / 2)] / 1000, all[int((NR * 99 + 99) / 100)] / 1000}'
}

# measure COUNT TIMES: a line of the table.
measure() {
  local before after at_rest passes
  sleep 10
  before=$(writes)
  sleep "$quiet"
  after=$(writes)
  at_rest=$(memory)
  passes=$(times "$1" "$2")
  printf '| %s | %s | %s | %s |\n' "$1" "$at_rest" "$passes" "$((after - before))"
}

start
printf '| platforms | resident, MB | pass, median, ms | p99, ms | writes in %s s |\n|---:|---:|---:|---:|---:|\n' "$quiet"
platforms make 1 1
measure 1 200
restart
printf '| 1, started anew | %s | | | |\n' "$(memory)"
if ((many > 1)); then
  platforms make 2 "$many"
  measure "$many" "$((many < 100 ? 3 : 1))"
  restart
  printf '| %s, started anew | %s | | | |\n' "$many" "$(memory)"
fi
