# shellcheck shell=bash disable=SC2034,SC2154
# The flags that etcd, kube-apiserver and kube-controller-manager need wherever
# they run: in the cluster, or alone for tests. Sourced after common.sh.

service_network=10.96.0.0/16

# etcd_flags DATA_DIR CLIENT_PORT PEER_PORT
etcd_flags() {
    printf '%s\n' --name=node --data-dir="$1" --log-level=warn \
        --listen-client-urls="http://127.0.0.1:$2" --advertise-client-urls="http://127.0.0.1:$2" \
        --listen-peer-urls="http://127.0.0.1:$3" --initial-advertise-peer-urls="http://127.0.0.1:$3" \
        --initial-cluster="node=http://127.0.0.1:$3"
}

# apiserver_flags PKI ETCD_PORT ADVERTISE_ADDRESS PORT: every admission plug-in
# that is on by default stays on, and NodeRestriction as on every real cluster.
apiserver_flags() {
    printf '%s\n' --etcd-servers="http://127.0.0.1:$2" --advertise-address="$3" --secure-port="$4" \
        --service-cluster-ip-range="$service_network" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
        --client-ca-file="$1/ca.crt" --tls-cert-file="$1/apiserver.crt" --tls-private-key-file="$1/apiserver.key" \
        --requestheader-client-ca-file="$1/front-proxy.crt" --requestheader-allowed-names=front-proxy-client \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file="$1/service-accounts.pub" \
        --service-account-signing-key-file="$1/service-accounts.key"
}

# controller_manager_flags PKI KUBECONFIG
controller_manager_flags() {
    printf '%s\n' --kubeconfig="$2" --authentication-kubeconfig="$2" --authorization-kubeconfig="$2" \
        --use-service-account-credentials --root-ca-file="$1/ca.crt" \
        --service-account-private-key-file="$1/service-accounts.key" \
        --cluster-signing-cert-file="$1/ca.crt" --cluster-signing-key-file="$1/ca.key"
}
