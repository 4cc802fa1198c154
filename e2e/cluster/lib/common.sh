# shellcheck shell=bash disable=SC2034
# What every cluster script shares: where things are, what they are called, and
# how to speak. Sourced, never run; the caller has set `set -euo pipefail`.

cluster_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repository=$(cd "$cluster_dir/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform

# Everything that belongs to this clone lies here...
run=$repository/.run
state=$run/cluster
logs=$state/logs
# ...and everything that must have a name on the host carries this in it, so
# that the clusters of two clones never meet.
id=$(printf '%s' "$repository" | sha256sum | cut -c1-8)

registry=courseplatform.local
platform_namespace=courses
operator_namespace=courseplatform-system
port=${PORT:-8080}

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# fingerprint FILE... [-- WORD...]: one hash over the contents of the files (a
# missing one counts as such) and the words.
fingerprint() {
    {
        while [[ $# -gt 0 && $1 != -- ]]; do
            printf '%s ' "$1"
            if [[ -e $1 ]]; then sha256sum <"$1"; else echo missing; fi
            shift
        done
        printf '%s\n' "$@"
    } | sha256sum | cut -c1-16
}

# write FILE: standard input becomes the file, complete or not at all, and only
# when that changes it.
write() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then rm -f "$1.new"; else mv "$1.new" "$1"; fi
}

# await SECONDS WHAT COMMAND...: until the command succeeds. 1 when it never did.
await() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            say "gave up waiting for $what"
            return 1
        fi
        sleep 0.2
    done
}
