#!/usr/bin/env bash
# `make down`: ends the cluster. No process, mount, namespace, interface or rule
# stays on the host. The data stay under .run, and `make up` finds them again.
#
#   PURGE=1   removes the data too, and everything else in .run
# shellcheck disable=SC2154 # most variables come from lib
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/all.sh
source "$here/lib/all.sh"

# A down that is broken off half-way is no use to anybody; run it to the end.
trap 'say "going on: this ends by itself in seconds"' INT TERM

if [[ -e $kind_mark ]]; then
    lock "make down"
    kind_down
    say "the kind cluster is gone"
    exit 0
fi
if [[ ! -e $state ]]; then
    say "there is no cluster here"
    exit 0
fi
[[ $(id -u) -eq 0 ]] || die "make down needs root here, as make up did (sudo make down)"
lock "make down"
cluster_down
rm -f "$run/env"
if [[ -n ${PURGE-} ]]; then
    find "$run" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf --one-file-system {} +
    say "the cluster and its data are gone"
else
    say "the cluster is gone; its data wait in $state (make down PURGE=1 removes them too)"
fi
