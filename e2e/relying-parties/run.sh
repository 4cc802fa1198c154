#!/usr/bin/env bash
# Signs in with standard OpenID Connect clients, unchanged, at the platform that runs at BASE_URL: openid-client
# (npm) and Authlib (PyPI). The crate openidconnect is among the journeys.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${BASE_URL:?names the running platform}"
export BASE_URL

# Installed once for a version of the lists, beside what else is built once.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform/relying-parties"
place="$cache/$(cat package.json package-lock.json requirements.txt | sha256sum | cut -c1-16)"
if [[ ! -e $place/complete ]]; then
  rm -rf "$place"
  mkdir -p "$place"
  cp package.json package-lock.json "$place"
  npm ci --prefix "$place" --no-audit --no-fund --silent
  python3 -m venv "$place/python"
  "$place/python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
  touch "$place/complete"
fi
cp ./*.mjs "$place"

passed=0
for run in "node --test $place/openid-client.test.mjs" "$place/python/bin/python authlib_test.py"; do
  if ! $run; then
    printf 'test result: FAILED. %d passed; 1 failed; 0 ignored\n' "$passed"
    exit 1
  fi
  passed=$((passed + 1))
done
printf 'test result: ok. %d passed; 0 failed; 0 ignored\n' "$passed"
