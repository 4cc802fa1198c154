# shellcheck shell=bash disable=SC2034,SC2154
# The offline cluster as a whole: up, down, what is left. Sourced after all its
# parts.

cluster_parts=(namespace etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet
    kube-proxy coredns volumes forwarder)

# disk_check: the images, the builds and the databases need room.
disk_check() {
    local folder free needed=12000
    if [[ -e $run/env ]]; then needed=1000; elif [[ -e $run/images.txt ]]; then needed=4000; fi
    mkdir -p "$run" "$cache"
    for folder in "$run" "$cache"; do
        free=$(df --output=avail -BM "$folder" | tail -n 1 | tr -dc 0-9)
        ((free >= needed)) || die "only $free MB are free in $folder; make up needs $needed MB"
    done
}

# cluster_images builds what is missing or changed.
cluster_images() {
    if [[ -n ${ONLY_CLUSTER-} ]]; then
        "$cluster_dir/images/build.sh" servers
    else
        "$cluster_dir/images/build.sh"
    fi
}

# cluster_up starts every part that does not run as it should. Parts that run in
# namespaces which have gone can't be reached any more, so they end first.
cluster_up() {
    network_addresses
    if ! network_intact; then
        if [[ -e $pids ]]; then say "clearing up what is left of the last run"; fi
        cluster_down
        say "starting the cluster on $node_ip"
        network_create
    fi
    network_join
    controlplane
    node
    addons
    images_import <(grep "^$registry/pause:" "$run/images.txt")
    await 60 "the node" node_is_ready || die "the node is not ready; its logs are in $logs/kubelet.log"
}

# cluster_down ends all processes and takes away all that the host can see. The
# data under .run stay.
cluster_down() {
    local name
    stop forwarder
    node_down
    for name in volumes coredns kube-scheduler kube-controller-manager kube-apiserver etcd; do stop "$name"; done
    network_down
}
