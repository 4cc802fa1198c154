#!/usr/bin/env bash
# Uses the pages of the platform that runs at BASE_URL as people do, with Debian's Chromium: by keyboard, without
# JavaScript, on small and large screens. With SCREENSHOTS, the name of a folder, pictures of all pages are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${BASE_URL:?names the running platform}"
export BASE_URL CHROMIUM="${CHROMIUM:-/usr/bin/chromium}"
[[ -z ${SCREENSHOTS:-} ]] || SCREENSHOTS=$(realpath "$SCREENSHOTS")

# Installed once for a version of the lists, beside what else is built once. The lists name no browser to download.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform/browser"
place="$cache/$(cat package.json package-lock.json | sha256sum | cut -c1-16)"
if [[ ! -e $place/complete ]]; then
  rm -rf "$place"
  mkdir -p "$place"
  cp package.json package-lock.json "$place"
  npm ci --prefix "$place" --no-audit --no-fund --silent
  touch "$place/complete"
fi
cp ./*.mjs "$place"

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
result=ok
node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$counts" "$place"/*.test.mjs || result=FAILED
count() { sed -n "s/^# $1 //p" "$counts" | tail -n 1; }
printf 'test result: %s. %d passed; %d failed; %d ignored\n' \
  "$result" "$(count pass)" "$(count fail)" "$(count skipped)"
[[ $result == ok ]]
