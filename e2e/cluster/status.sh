#!/usr/bin/env bash
# `make status`: what runs, what does not, and why. Changes nothing; exits 1 when
# the platform is not ready.
# shellcheck disable=SC2154 # most variables come from lib
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/all.sh
source "$here/lib/all.sh"

if [[ ! -e $state/network && ! -e $kind_mark ]]; then
    say "there is no cluster here; make up makes one"
    exit 1
fi
if kind_chosen; then kind_tools; else binaries; fi
if ! kind_chosen; then
    for part in "${cluster_parts[@]}"; do
        if pid=$(pid_of "$part"); then
            printf '%-24s running, pid %s\n' "$part" "$pid"
        else
            printf '%-24s not running\n' "$part"
        fi
    done
    echo
fi
if ! kubectl get --raw /readyz >/dev/null 2>&1; then
    say "the API server does not answer; make up starts what is missing"
    exit 1
fi
kubectl get courseplatforms --all-namespaces 2>/dev/null || true
echo
kubectl get pods --all-namespaces
awaited=$(platform_awaited) || exit 1
echo
if [[ -n $awaited ]]; then
    echo "waiting for $awaited"
    exit 1
fi
echo "ready: $(sed -n 's/^BASE_URL=//p' "$run/env" 2>/dev/null)"
