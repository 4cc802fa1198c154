#!/usr/bin/env bash
# Everything that CI runs, in the order in which it is cheapest to fail. `e2e/test.sh lint` stops after the
# checks that need no server. Ends with one line of counts; any failure ends with a non-zero code.
set -euo pipefail
cd "$(dirname "$0")/.."

logs="$PWD/.run/test"
mkdir -p "$logs"
began=$SECONDS
passed=0
failed=0
cluster='' # not empty once a cluster was begun

# step NAME COMMAND…: runs a check that either holds or not, and counts it.
step() {
  local name=$1 from=$SECONDS
  shift
  printf '── %s\n' "$name"
  if "$@" >"$logs/$name.log" 2>&1; then
    passed=$((passed + 1))
    printf '   ok, %d s\n' "$((SECONDS - from))"
  else
    failed=$((failed + 1))
    printf '   FAILED after %d s; the end of %s:\n' "$((SECONDS - from))" "$logs/$name.log"
    tail -n 60 "$logs/$name.log" | sed 's/^/   | /'
    finish
  fi
}

# count NAME COMMAND…: runs tests and adds what their runners counted.
count() {
  local name=$1 from=$SECONDS status=0 ok bad
  shift
  printf '── %s\n' "$name"
  "$@" >"$logs/$name.log" 2>&1 || status=$?
  ok=$(sed -nE 's/^test result: .* ([0-9]+) passed; .*/\1/p' "$logs/$name.log" | awk '{n += $1} END {print n + 0}')
  bad=$(sed -nE 's/^test result: .* ([0-9]+) failed; .*/\1/p' "$logs/$name.log" | awk '{n += $1} END {print n + 0}')
  passed=$((passed + ok))
  failed=$((failed + bad))
  if ((status != 0 || bad > 0 || ok == 0)); then
    ((bad > 0)) || failed=$((failed + 1))
    printf '   FAILED after %d s: %d passed, %d failed; from %s:\n' "$((SECONDS - from))" "$ok" "$bad" "$logs/$name.log"
    grep -nE '^error|panicked at|^test .* FAILED|^    [a-z_:]+$' "$logs/$name.log" | head -n 40 | sed 's/^/   | /' || true
    tail -n 60 "$logs/$name.log" | sed 's/^/   | /'
    finish
  fi
  printf '   ok, %d tests, %d s\n' "$ok" "$((SECONDS - from))"
}

finish() {
  # CI leaves nothing behind, whatever failed.
  if [[ -n ${CI:-} && -n $cluster ]]; then
    cluster=''
    PURGE=1 bash e2e/cluster/down.sh >"$logs/cluster-down.log" 2>&1 || failed=$((failed + 1))
  fi
  printf '\n%d min %d s\n' "$(((SECONDS - began) / 60))" "$(((SECONDS - began) % 60))"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0)) && exit 0
  exit 1
}

# shellcheck disable=SC2317 # called by name
shell_scripts() { git ls-files '*.sh' '.ci/run' | xargs shellcheck --external-sources --source-path=SCRIPTDIR; }

# The journeys are no tests that run by themselves, so they aren't among all targets.
# shellcheck disable=SC2317 # called by name
lints() {
  cargo clippy --quiet --workspace --all-targets -- -D warnings &&
    cargo clippy --quiet --workspace --test components --test shop --test sign_in -- -D warnings
}

trap 'failed=$((failed + 1)); finish' INT TERM

step format cargo fmt --all --check
step shell-scripts shell_scripts
step licences-and-bans cargo deny --log-level error check bans licenses sources
step lints lints
[[ ${1:-} == lint ]] && finish

# Go's modules are compiled for the programs with these settings; with others they would be compiled twice.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"
step ferretdb go -C e2e/ferretdb test -tags ferretdb_no_postgresql ./...
# For the gateway's tests, which would build it too, but slowly among others.
step h2spec bash e2e/h2spec/build.sh
# With the tests, for what is built without them has other features, so nearly everything would be built twice.
step test-build cargo build --quiet --workspace --bins --tests
local_servers="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/debug/courseplatform-local"
step cluster-binaries bash e2e/cluster/apiserver.sh build
step chart bash charts/test.sh
step cluster-go go -C e2e/cluster test ./forwarder ./volumes
count tests "$local_servers" servers --kubernetes -- bash e2e/tests.sh
count local-platform bash e2e/local/test.sh

if [[ -z ${WITHOUT_CLUSTER:-} ]]; then
  # CI ends it in `finish`; a person may want to look around.
  cluster=begun
  step cluster-up make up
  step images make images-test
  count journeys bash e2e/journeys/run.sh
  BASE_URL=$(sed -n 's/^BASE_URL=//p' .run/env)
  export BASE_URL
  count relying-parties bash e2e/relying-parties/run.sh
  count browser bash e2e/browser/run.sh
fi
finish
