# shellcheck shell=bash disable=SC2034,SC2154
# etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as processes
# inside the cluster's namespaces. Sourced after network.sh, pki.sh, apiserver.sh.

pki=$state/pki
api_port=6443
kubeconfig=$run/kubeconfig

# kubectl ARGUMENTS: as the administrator. The node's address is reachable from
# the host, so it needs no namespace, and works for people too.
kubectl() { "$bin/kubectl" --kubeconfig "$kubeconfig" "$@"; }

controlplane_certificates() {
    local server=https://$node_ip:$api_port name
    pki_authority "$pki"
    pki_certificate "$pki" apiserver kube-apiserver "" \
        "IP:$node_ip,IP:10.96.0.1,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    pki_certificate "$pki" apiserver-kubelet kube-apiserver-kubelet-client system:masters
    pki_certificate "$pki" admin admin system:masters
    for name in kube-controller-manager kube-scheduler kube-proxy coredns volumes; do
        pki_certificate "$pki" "$name" "system:$name" ""
    done
    pki_certificate "$pki" kubelet system:node:node system:nodes "IP:$node_ip,DNS:node"
    for name in kube-controller-manager kube-scheduler kube-proxy coredns volumes kubelet; do
        pki_kubeconfig "$pki" "$name" "$server" "$pki/$name.kubeconfig"
    done
    pki_kubeconfig "$pki" admin "$server" "$kubeconfig"
}

# The audit log shows who wrote what: reads are left out, bodies too.
controlplane_audit_policy() {
    write "$state/audit-policy.yaml" <<'POLICY'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    verbs: [get, list, watch]
  - level: Metadata
POLICY
}

controlplane() {
    local -a flags
    controlplane_certificates
    controlplane_audit_policy

    mapfile -t flags < <(etcd_flags "$state/etcd" 2379 2380)
    ensure etcd -- "${join[@]}" "$bin/etcd" "${flags[@]}"

    mapfile -t flags < <(apiserver_flags "$pki" 2379 "$node_ip" "$api_port")
    ensure kube-apiserver "$state/audit-policy.yaml" "$pki"/{ca,apiserver,apiserver-kubelet,service-accounts}.{crt,pub} -- \
        "${join[@]}" "$bin/kube-apiserver" "${flags[@]}" \
        --kubelet-client-certificate="$pki/apiserver-kubelet.crt" \
        --kubelet-client-key="$pki/apiserver-kubelet.key" \
        --kubelet-preferred-address-types=InternalIP \
        --audit-policy-file="$state/audit-policy.yaml" --audit-log-path="$logs/audit.log" \
        --audit-log-maxsize=50 --audit-log-maxbackup=2
    await_process kube-apiserver 90 kubectl get --raw /readyz

    mapfile -t flags < <(controller_manager_flags "$pki" "$pki/kube-controller-manager.kubeconfig")
    ensure kube-controller-manager "$pki"/{ca,kube-controller-manager}.crt -- \
        "${join[@]}" "$bin/kube-controller-manager" "${flags[@]}" \
        --bind-address=127.0.0.1 --leader-elect=false
    ensure kube-scheduler "$pki/kube-scheduler.kubeconfig" -- "${join[@]}" "$bin/kube-scheduler" \
        --kubeconfig="$pki/kube-scheduler.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false
}
