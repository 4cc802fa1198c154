#!/usr/bin/env bash
# `make dev` from a person's side: it becomes ready, the journeys go through it,
# it survives being killed and a crash of a component, it refuses to run where
# it can't, and it leaves no process. Needs built programs and the ports of
# `make dev`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs=$(cd "${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/debug" && pwd)
export PORT=${DEV_TEST_PORT:-18080} # a cluster may have 8080
place=$(mktemp -d)
data=$place/dev
log=$place/log
pid=''
passed=0

finish() {
    if [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null; then kill -TERM "$pid"; wait "$pid" || true; fi
    rm -rf "$place"
}
trap finish EXIT

ok() { passed=$((passed + 1)); printf 'test %s ... ok\n' "$1"; }
fail() {
    printf 'test %s ... FAILED\n' "$1"
    tail -n 40 "$log"
    printf 'test result: FAILED. %d passed; 1 failed; 0 ignored\n' "$passed"
    exit 1
}

# Waits at most $1 seconds until the rest of the line succeeds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

start() {
    : >"$log" # the process below empties it only once it runs, and what was there tells of the one before
    "$programs/courseplatform-local" dev --data "$data" >"$log" 2>&1 &
    pid=$!
    within 120 started || fail "$1"
    grep -q 'ready: http' "$log" || fail "$1"
}
started() { grep -q 'ready: http' "$log" || ! kill -0 "$pid" 2>/dev/null; }
ours() { pgrep -f -- "$data" >/dev/null || pgrep -f "^$programs/[a-z]* serve\$" >/dev/null; }
nothing_left() { ! ours; }
component() { pgrep -f "^$programs/$1 serve\$"; }
answers() { curl -sf -o /dev/null "$1"; }

start 'every component becomes ready'
sed -n 's/.* \([0-9.]* s\)  .*ready: http.*/ready after \1/p' "$log"
ok 'every component becomes ready'

[[ $(stat -c %a "$place/env") == 600 ]] || fail 'the environment file is for its owner only'
set -a
# shellcheck source=/dev/null # written by `make dev`
source "$place/env"
set +a
ok 'the environment file names the platform'

bash e2e/journeys/run.sh
ok 'the journeys go through it'

if "$programs/courseplatform-local" dev --data "$place/other" 2>"$place/refused"; then fail 'taken ports are refused'; fi
grep -q "port $PORT for gateway is taken by gateway (pid " "$place/refused" || fail 'taken ports are named'
ok 'taken ports are named with who has them'

old=$(component discount)
kill -KILL "$old"
restarted() { local new; new=$(component discount) && [[ $new != "$old" ]] && answers http://127.0.0.1:9104/readyz; }
within 20 restarted || fail 'a component that crashed is started again'
grep -q 'discount ended by itself' "$log" || fail 'a crash is told'
ok 'a component that crashed is started again'

kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
start 'it starts again after being killed'
curl -sf "$BASE_URL/services/catalog/v1/courses" | grep -q Journey || fail 'the data is still there'
ok 'it starts again after being killed, with its data'

kill -INT "$pid"
wait "$pid" || fail 'Ctrl-C is an orderly end'
within 10 nothing_left || fail 'nothing is left'
[[ ! -e $place/env ]] || fail 'the environment file is gone'
ok 'Ctrl-C ends everything'

printf 'test result: ok. %d passed; 0 failed; 0 ignored\n' "$passed"
