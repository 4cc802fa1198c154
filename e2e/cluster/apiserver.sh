#!/usr/bin/env bash
# A real kube-apiserver with its etcd as plain processes on free ports of the
# loopback, for tests that need an API and no nodes. Needs no root.
#
#   apiserver.sh build                    only builds the programs, prints their folder
#   apiserver.sh start DIR [--controllers]
#                                         prints KUBECONFIG=... KUBECTL=... once it is
#                                         ready; --controllers adds the garbage collector,
#                                         namespaces, service accounts and workloads
#   apiserver.sh stop DIR                 ends the processes of DIR; data stays
#
# Logs are in DIR/logs. Pods never run here: patch their status.
# shellcheck disable=SC2154 # most variables come from lib
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/common.sh
source "$here/lib/common.sh"

usage() { die "usage: apiserver.sh build | start DIR [--controllers] | stop DIR"; }
[[ $# -ge 1 ]] || usage
action=$1
if [[ $action != build ]]; then
    [[ $# -ge 2 ]] || usage
    mkdir -p "$2"
    state=$(cd "$2" && pwd)
    logs=$state/logs
fi
# shellcheck source=lib/process.sh
source "$here/lib/process.sh"
# shellcheck source=lib/binaries.sh
source "$here/lib/binaries.sh"
# shellcheck source=lib/pki.sh
source "$here/lib/pki.sh"
# shellcheck source=lib/apiserver.sh
source "$here/lib/apiserver.sh"

# free_port: one that nobody listens on, below those that the kernel gives away.
free_port() {
    local candidate
    while true; do
        candidate=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (: <"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

stop_all() {
    local name
    for name in kube-controller-manager kube-apiserver etcd; do stop "$name"; done
}

# start_once: 1 when a process ended, most likely since somebody took its port.
start_once() {
    local pki=$state/pki client_port peer_port api_port flags=() health
    client_port=$(free_port) peer_port=$(free_port) api_port=$(free_port)
    pki_authority "$pki"
    pki_certificate "$pki" apiserver kube-apiserver "" \
        "IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
    pki_certificate "$pki" admin admin system:masters
    pki_kubeconfig "$pki" admin "https://127.0.0.1:$api_port" "$state/kubeconfig"

    mapfile -t flags < <(etcd_flags "$state/etcd" "$client_port" "$peer_port")
    ensure etcd -- "$bin/etcd" "${flags[@]}" --unsafe-no-fsync
    mapfile -t flags < <(apiserver_flags "$pki" "$client_port" 127.0.0.1 "$api_port")
    # A loopback address is no endpoint for the Service "kubernetes".
    ensure kube-apiserver -- "$bin/kube-apiserver" "${flags[@]}" \
        --bind-address=127.0.0.1 --endpoint-reconciler-type=none
    health=("$bin/kubectl" --kubeconfig "$state/kubeconfig" get --raw /readyz)
    local deadline=$((SECONDS + 60))
    until "${health[@]}" >/dev/null 2>&1; do
        pid_of etcd >/dev/null && pid_of kube-apiserver >/dev/null && ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
    # It gives up when it finds no API, so it comes last.
    if [[ -n $controllers ]]; then
        mapfile -t flags < <(controller_manager_flags "$pki" "$state/kubeconfig")
        ensure kube-controller-manager -- "$bin/kube-controller-manager" "${flags[@]}" \
            --bind-address=127.0.0.1 --secure-port=0 --leader-elect=false
    fi
}

case $action in
    build)
        binaries
        printf '%s\n' "$bin"
        ;;
    start)
        controllers=
        [[ ${3-} != --controllers ]] || controllers=yes
        binaries
        stop_all
        for attempt in 1 2 3; do
            if start_once; then
                printf 'KUBECONFIG=%s\nKUBECTL=%s\n' "$state/kubeconfig" "$bin/kubectl"
                exit 0
            fi
            say "attempt $attempt to start kube-apiserver failed"
            stop_all
        done
        tail -n 15 "$logs"/*.log >&2
        die "kube-apiserver did not start; its logs are in $logs"
        ;;
    stop) stop_all ;;
    *) usage ;;
esac
