# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages that the offline cluster and building for it need: installed when missing, never
# started (the daemons that we run are our own). Sourced after common.sh.

# What must be there, as <program or file>=<package>.
required=(ip=iproute2 nsenter=util-linux openssl=openssl curl=curl containerd=containerd runc=runc
    nft=nftables flock=util-linux cc=gcc /usr/include/stdio.h=libc6-dev
    /usr/lib/cni/ptp=containernetworking-plugins /usr/lib/cni/host-local=containernetworking-plugins)

packages() {
    local pair needed
    local -A missing=()
    for pair in "${required[@]}"; do
        needed=${pair%%=*}
        [[ -e $needed ]] || PATH=$PATH:/usr/sbin:/sbin command -v "$needed" >/dev/null || missing[${pair#*=}]=yes
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || die "please install: ${!missing[*]}"
    say "installing Debian packages: ${!missing[*]}"
    # A package must not start its daemon.
    local policy=/usr/sbin/policy-rc.d made='' failed=''
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        made=yes
    fi
    mkdir -p "$logs"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        "${!missing[@]}"; } >"$logs/packages.log" 2>&1 || failed=yes
    [[ -z $made ]] || rm -f "$policy"
    if [[ -n $failed ]]; then
        tail -n 20 "$logs/packages.log" >&2
        die "the packages could not be installed; the whole output is in $logs/packages.log"
    fi
}
