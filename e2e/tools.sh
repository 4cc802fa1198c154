#!/usr/bin/env bash
# Installs what building and testing need, where it is missing: Debian packages and cargo-deny. Does nothing
# when everything is there. Rust and Go must be there already; README.md says which versions.
set -euo pipefail

for program in cargo go; do
  command -v "$program" >/dev/null || { echo "tools: $program is missing; README.md says what is needed" >&2; exit 1; }
done

# program or file → Debian package
declare -A wanted=(
  [/usr/lib/postgresql/15/bin/postgres]=postgresql-15
  [redis-server]=redis-server
  [rabbitmqctl]=rabbitmq-server
  [shellcheck]=shellcheck
  [chromium]=chromium
  [curl]=curl
  [npm]=npm
  [python3]=python3-venv
)
missing=()
for program in "${!wanted[@]}"; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || missing+=("${wanted[$program]}")
done
if ((${#missing[@]})); then
  if ((EUID != 0)); then
    echo "tools: missing Debian packages: ${missing[*]}; run: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "tools: installing ${missing[*]}"
  # The packages' own services are not wanted: every server is started where it is used.
  policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; trap 'rm -f "$policy"' EXIT; }
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! cargo deny --version >/dev/null 2>&1; then
  echo "tools: building cargo-deny (a few minutes, once)"
  cargo install --quiet --locked --debug cargo-deny
fi
