# shellcheck shell=bash disable=SC2034,SC2154
# What a cluster has beside its control plane: names and volumes. Also how this
# script writes to the API: only what changed since it wrote last. Sourced after
# node.sh.

applied=$state/applied

# apply_changed NAME: standard input is applied unless it was applied before.
apply_changed() {
    local manifest=$state/manifests/$1.yaml
    write "$manifest"
    if [[ $(cat "$applied/$1" 2>/dev/null) == "$(fingerprint "$manifest")" ]]; then return; fi
    kubectl apply --server-side --force-conflicts --field-manager=make-up --filename="$manifest" >/dev/null
    mkdir -p "$applied"
    fingerprint "$manifest" >"$applied/$1"
}

addons_dns() {
    write "$state/Corefile" <<CONF
. {
    bind $node_ip
    errors
    health 127.0.0.1:8053
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig $pki/coredns.kubeconfig
        ttl 30
    }
}
CONF
    sed "s/NODE_ADDRESS/$node_ip/" "$cluster_dir/platform/dns.yaml" | apply_changed dns
    ensure coredns "$state/Corefile" "$pki/coredns.kubeconfig" -- \
        "${join[@]}" "$bin/coredns" -conf "$state/Corefile"
}

addons_volumes() {
    apply_changed storage <"$cluster_dir/platform/storage.yaml"
    ensure volumes "$pki/volumes.kubeconfig" -- \
        "${join[@]}" "$bin/volumes" "$pki/volumes.kubeconfig" "$state/volumes"
}

addons() {
    addons_dns
    addons_volumes
}
