# shellcheck shell=bash disable=SC2034,SC2154
# The other way to a cluster: kind, where Docker can pull images. Servers then
# run from their official images, ours are built by Docker. Sourced after
# platform.sh.

kind_name=courseplatform-$id
kind_context=kind-$kind_name

# kind_chosen: by CLUSTER=kind, or since kind is there and Docker reaches a registry.
kind_chosen() {
    if [[ -z ${CLUSTER-} ]]; then
        CLUSTER=offline
        if [[ -s $run/kind ]] || { command -v kind && docker info &&
            timeout 20 docker manifest inspect docker.io/library/redis:7; } >/dev/null 2>&1; then
            [[ -e $state/network ]] || CLUSTER=kind
        fi
    fi
    case $CLUSTER in
        kind) return 0 ;;
        offline) return 1 ;;
        *) die "CLUSTER=$CLUSTER is neither kind nor offline" ;;
    esac
}
