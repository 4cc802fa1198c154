#!/usr/bin/env bash
# `make bench-platform`: builds the platform as it is released, runs it as local processes and prints what each component
# takes: memory at rest, size, time until it is ready. Needs the ports of `make dev`, and the machine for itself.
set -euo pipefail
cd "$(dirname "$0")/.."

data="$PWD/.run/bench"
mkdir -p "$data"
rm -f "$data/env"

cargo build --release --workspace --bins
local_platform="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/courseplatform-local"

"$local_platform" dev --data "$data/dev" >"$data/dev.log" 2>&1 &
platform=$!
end() {
  kill "$platform" 2>/dev/null || true
  wait "$platform" 2>/dev/null || true
}
trap end EXIT

for _ in {1..600}; do
  [[ -e "$data/env" ]] && break
  if ! kill -0 "$platform" 2>/dev/null; then
    tail -n 40 "$data/dev.log" >&2
    exit 1
  fi
  sleep 0.2
done
[[ -e "$data/env" ]] || {
  printf 'the platform did not start within 2 min; see %s\n' "$data/dev.log" >&2
  exit 1
}

printf '%s cores, %s\n\n' "$(nproc)" "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)"
"$local_platform" bench
