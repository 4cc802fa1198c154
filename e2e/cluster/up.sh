#!/usr/bin/env bash
# `make up`: a Kubernetes cluster with the platform on it, from whatever state
# this machine is in. Run again, it changes only what changed.
#
#   PORT=8080          the port of 127.0.0.1 that the gateway answers on
#   CLUSTER=           offline or kind; by itself it takes kind where Docker can
#                      pull images and kind is installed, else offline
#   ONLY_CLUSTER=1     no platform: a bare cluster, for trying things out
# shellcheck disable=SC2154 # most variables come from lib
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/all.sh
source "$here/lib/all.sh"

trap 'say "broken off; make up goes on from here, make down clears up"; exit 130' INT TERM

kind_chosen || [[ $(id -u) -eq 0 ]] ||
    die "make up needs root here: it makes network namespaces and runs containers (sudo make up)"
for program in cargo go; do
    command -v "$program" >/dev/null || die "$program is needed to build the platform; README.md says which version"
done
lock "make up"
disk_check
forward_port_check
if kind_chosen; then
    kind_up
else
    packages
    binaries
    cluster_images
    cluster_up
    images_import "$run/images.txt"
fi
# kubectl and helm for people, at a place that stays the same.
ln -sfn "$bin" "$run/bin"
if [[ -n ${ONLY_CLUSTER-} ]]; then
    say "the cluster is ready: export KUBECONFIG=$kubeconfig PATH=$run/bin:\$PATH"
    exit 0
fi
platform
platform_wait
kind_chosen || forward
platform_environment
await 30 "http://localhost:$port" curl --silent --fail --output /dev/null "http://127.0.0.1:$port/" ||
    die "the platform is ready, but http://localhost:$port/ does not answer; see make logs"
say "ready after $SECONDS s"
cat <<END

  The shop:     http://localhost:$port/
  The cluster:  export KUBECONFIG=$kubeconfig PATH=$run/bin:\$PATH
  All of it:    $run/env

END
