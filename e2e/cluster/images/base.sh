# shellcheck shell=bash disable=SC2154
# The base of the server images: Debian 12 without documentation and
# translations, made from Debian's packages where none can be pulled. Sourced
# after lib.sh and daemon.sh.

base=debian:bookworm-slim

# repository RELEASE: where this machine itself takes the packages of a release of Debian 12 from.
repository() {
    # shellcheck disable=SC2016 # the fields are apt's
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$1" '$1 == release {print $2; exit}'
}

# base_build makes the base unless the daemon has it.
base_build() {
    if docker image inspect "$base" >/dev/null 2>&1; then
        return 0
    fi
    need debootstrap=debootstrap
    [[ $(id -u) -eq 0 ]] || die "debootstrap needs root"
    say "making $base with debootstrap (half a minute)"
    local root=$cache/debootstrap log=$cache/debootstrap.log
    local mirror=${DEBIAN_MIRROR:-$(repository bookworm)}
    local security_mirror=${DEBIAN_SECURITY_MIRROR:-$(repository bookworm-security)}
    [[ -n $mirror && -n $security_mirror ]] ||
        die "apt's sources name no bookworm and bookworm-security; set DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR"
    rm -rf "$root"
    mkdir -p "$root"
    if ! debootstrap --variant=minbase bookworm "$root" "$mirror" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "debootstrap failed (whole output: $log)"
    fi
    base_slim "$root" "$mirror" "$security_mirror"
    tar -C "$root" -c . | docker import - "$base" >/dev/null
    rm -rf "$root" "$log"
}

# base_slim ROOT MIRROR SECURITY_MIRROR removes what no server needs, for packages to come as well.
base_slim() {
    cat >"$1/etc/dpkg/dpkg.cfg.d/slim" <<'CONF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
CONF
    cat >"$1/etc/apt/sources.list" <<CONF
deb $2 bookworm main
deb $2 bookworm-updates main
deb $3 bookworm-security main
CONF
    # No package may start a daemon while an image is built.
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod +x "$1/usr/sbin/policy-rc.d"
    find "$1/usr/share/doc" -type f ! -name copyright -delete
    rm -rf "$1"/usr/share/{info,lintian,locale,man}/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* \
        "$1"/var/log/*.log "$1"/var/log/apt
}
