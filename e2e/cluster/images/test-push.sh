#!/usr/bin/env bash
# Pushes the images to a registry started here, on a free port of 127.0.0.1, and
# asks that registry for each. The registry is Debian's docker-registry, unpacked
# into the cache folder and not installed, for it would come back at each boot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
source "$here/lib.sh"

need curl=curl
program=$cache/registry/usr/bin/docker-registry
if [[ ! -x $program ]]; then
    command -v apt-get >/dev/null || die "this test takes the registry from Debian's package docker-registry"
    say "fetching Debian's docker-registry"
    mkdir -p "$cache/registry"
    cd "$cache/registry"
    # Without the lists of a machine that is new it asks for an update first.
    apt-get -qq download docker-registry 2>/dev/null ||
        { apt-get -qq update && apt-get -qq download docker-registry; }
    dpkg-deb -x docker-registry_*.deb .
    rm docker-registry_*.deb
fi

scratch=$(mktemp -d)
registry_pid=''
finish() {
    [[ -z $registry_pid ]] || kill "$registry_pid" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# Ports are tried until the registry keeps one.
serve() {
    local port
    for port in $(shuf -i 20000-29999 -n 20); do
        cat >"$scratch/config.yml" <<YAML
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $scratch/data}}
http: {addr: "127.0.0.1:$port"}
YAML
        "$program" serve "$scratch/config.yml" >"$scratch/log" 2>&1 &
        registry_pid=$!
        until curl --silent --fail "http://127.0.0.1:$port/v2/" >/dev/null; do
            kill -0 "$registry_pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        address=127.0.0.1:$port
        return
    done
    cat "$scratch/log" >&2
    die "the registry did not start"
}
serve

REGISTRY=$address/course "$here/push.sh"

version=$(workspace_version)
found=0
for name in "${components[@]}"; do
    manifest=$(curl --silent --fail -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
        "http://$address/v2/course/$name/manifests/$version") || die "the registry has no $name:$version"
    config=$(grep -A3 '"config"' <<<"$manifest" | grep -o 'sha256:[0-9a-f]*')
    curl --silent --fail --location "http://$address/v2/course/$name/blobs/$config" |
        grep -q "\"org.opencontainers.image.title\":\"$name\"" || die "what is called $name is something else"
    found=$((found + 1))
done
if REGISTRY=127.0.0.1:1/nobody "$here/push.sh" 2>"$scratch/refused"; then
    die "pushing to a registry that is not there must fail"
fi
grep -q 'was not pushed' "$scratch/refused" || die "that failure says nothing of use: $(cat "$scratch/refused")"
say "$found images pushed, read back from the registry and recognised"
