# shellcheck shell=bash disable=SC2034
# What the image scripts share: where things are, what they are called, and how
# to speak. Sourced, never run; the caller has set `set -euo pipefail`.

images_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$images_dir/../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform
tars=$cache/images
index=$repository/.run/images.txt

registry=courseplatform.local
components=(identity catalog basket discount order payment photostock gateway web
    courseplatform-admin courseplatform-operator)
# As <name>:<tag>; each has a folder here with its Dockerfile.
servers=(postgres:15 redis:7 rabbitmq:3.10 ferretdb:1.24 pause:1)

say() { printf 'images: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

workspace_version() {
    sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' "$repository/Cargo.toml"
}

# digest FILE|DIR...: one hash over the contents, modes and relative names.
digest() {
    local input
    for input in "$@"; do
        if [[ -d $input ]]; then
            (cd "$input" && find . -type f -printf '%m %p\n' -exec sha256sum {} + | LC_ALL=C sort)
        else
            sha256sum <"$input"
        fi
    done | sha256sum | cut -c1-16
}

# need COMMAND=PACKAGE...: installs what is missing, on Debian and its kin.
need() {
    local pair missing=()
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || die "please install: ${missing[*]}"
    [[ $(id -u) -eq 0 ]] || die "${missing[*]} must be installed, which takes root: sudo apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    # A package must not start its daemons: ours are the only ones we want.
    local policy=/usr/sbin/policy-rc.d made=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        made=yes
    fi
    local log failed=
    log=$(mktemp)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        "${missing[@]}"; } >"$log" 2>&1 || failed=yes
    [[ -z $made ]] || rm -f "$policy"
    if [[ -n $failed ]]; then
        tail -n 20 "$log" >&2
        die "apt-get could not install ${missing[*]} (whole output: $log)"
    fi
    rm -f "$log"
}
