#!/usr/bin/env bash
# The unit and integration tests, on real servers that the caller has started:
#   courseplatform-local servers --kubernetes -- bash e2e/tests.sh
# cargo runs one test binary after another, and most of them wait for servers. The operator's lost writes take the
# processor for minutes, so they run beside all the others.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The whole workspace both times, as in e2e/test.sh's step that builds: so the features are the same, and nothing is
# built again.
run() { cargo test --quiet --workspace --no-fail-fast "$@"; }

log=$(mktemp)
run --test apiserver -- faults:: >"$log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true; rm -f "$log"' EXIT
status=0
run -- --skip faults:: || status=$?
wait "$beside" || status=$?
cat "$log"
exit "$status"
