# shellcheck shell=bash disable=SC2034,SC2154
# The one node: containerd, kubelet and kube-proxy, with every folder, socket
# and control group our own. Sourced after controlplane.sh.

pod_network=10.244.0.0/16
cgroup=courseplatform-$id

# Sockets have short names or none: 108 characters is all that the kernel takes.
if ((${#run} <= 55)); then
    short=$run/node
else
    short=/run/$cgroup
fi
containerd_socket=$short/containerd.sock

node() {
    node_cgroups
    node_host_settings_save
    mkdir -p "$short" "$state/containerd" "$state/empty"
    node_containerd
    node_kubelet
    node_kube_proxy
}

# node_cgroups makes the control group that all pods lie under. Two kubelets with
# one root would end each other's pods.
node_cgroups() {
    local hierarchy controller
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        # Whoever uses containers has these on already; the kubelet insists on them.
        for controller in cpu cpuset io memory pids; do
            printf '+%s\n' "$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
        done
        mkdir -p "/sys/fs/cgroup/$cgroup"
        return
    fi
    for hierarchy in /sys/fs/cgroup/*/; do
        [[ -L ${hierarchy%/} ]] || mkdir -p "$hierarchy$cgroup" 2>/dev/null || true
    done
}

node_containerd() {
    write "$state/cni/10-ptp.conflist" <<CNI
{
  "cniVersion": "1.0.0",
  "name": "$cgroup",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "$state/fixed/addresses",
        "ranges": [[{"subnet": "$pod_network"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    }
  ]
}
CNI
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox starts otherwise.
    write "$state/containerd.toml" <<TOML
version = 2
root = "$state/containerd"
state = "$short/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "$containerd_socket"
[ttrpc]
  address = "$containerd_socket.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "$state/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$registry/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "$short/runc"
TOML
    ensure containerd "$state/containerd.toml" "$state/cni/10-ptp.conflist" "$(type -P containerd)" -- \
        "${join[@]}" "$(type -P containerd)" --config "$state/containerd.toml"
    await_process containerd 30 ctr version
}

# ctr ARGUMENTS: the client of our containerd.
ctr() { command ctr --address "$containerd_socket" --namespace k8s.io "$@"; }

node_kubelet() {
    : | write "$state/empty/resolv.conf"
    write "$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$containerd_socket
address: $node_ip
healthzBindAddress: 127.0.0.1
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
# The host's names are not the cluster's: a pod's DNS is the cluster's or none.
resolvConf: $state/empty/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
seccompDefault: true
podLogsDir: $logs/pods
volumePluginDir: $state/empty/volume-plugins
# Images can't be pulled again, so they are never collected; and a disk that is
# full for a laptop's taste is no reason to evict.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 500Mi, imagefs.available: 500Mi}
YAML
    ensure kubelet "$state/kubelet.yaml" "$pki"/{ca,kubelet}.crt -- "${join[@]}" "$bin/kubelet" \
        --config="$state/kubelet.yaml" --kubeconfig="$pki/kubelet.kubeconfig" \
        --root-dir="$short/kubelet" --cert-dir="$state/kubelet-pki" \
        --hostname-override=node --node-ip="$node_ip"
}

node_kube_proxy() {
    write "$state/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $pki/kube-proxy.kubeconfig}
hostnameOverride: node
mode: nftables
clusterCIDR: $pod_network
# Values that belong to the whole host stay as they are.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
bindAddress: $node_ip
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
YAML
    ensure kube-proxy "$state/kube-proxy.yaml" "$pki/kube-proxy.kubeconfig" -- \
        "${join[@]}" "$bin/kube-proxy" --config="$state/kube-proxy.yaml"
}

node_is_ready() {
    [[ $(kubectl get node node -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# The kubelet sets these for the whole host. They are kept by the first cluster
# and set back when the last one goes; a restart of the machine sets them back too.
host_settings=(vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
    kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

node_host_settings_save() {
    local name boot
    boot=$(</proc/sys/kernel/random/boot_id)
    if [[ $(head -n 1 "$cache/host-settings" 2>/dev/null) == "boot $boot" ]]; then return; fi
    {
        printf 'boot %s\n' "$boot"
        for name in "${host_settings[@]}"; do printf '%s %s\n' "$name" "$(<"/proc/sys/$name")"; done
    } | write "$cache/host-settings"
}

node_host_settings_restore() {
    local name value boot
    if other_clusters; then return 0; fi
    boot=$(</proc/sys/kernel/random/boot_id)
    if [[ $(head -n 1 "$cache/host-settings" 2>/dev/null) == "boot $boot" ]]; then
        while read -r name value; do
            [[ $(<"/proc/sys/$name") == "$value" ]] || printf '%s\n' "$value" >"/proc/sys/$name"
        done < <(tail -n +2 "$cache/host-settings")
    fi
    rm -f "$cache/host-settings"
}

# shims: the pids of containerd's helpers for our containers; they outlive it.
shims() {
    local process
    for process in /proc/[0-9]*; do
        if { tr '\0' '\n' <"$process/cmdline" | grep -qxF "$containerd_socket" &&
            [[ $(readlink "$process/exe") == */containerd-shim* ]]; } 2>/dev/null; then
            printf '%s\n' "${process#/proc/}"
        fi
    done
}

# container_processes: the pids of everything that runs in our pods.
container_processes() {
    find /sys/fs/cgroup -path "*/$cgroup/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un
}

# kill_all SIGNAL PID...: those that have gone meanwhile don't matter.
kill_all() {
    local signal=$1 pid
    shift
    for pid in "$@"; do kill "-$signal" "$pid" 2>/dev/null || true; done
}

# node_down ends the node's processes and containers, whether or not containerd
# still answers: databases get ten seconds to close their files.
node_down() {
    local -a left
    local deadline=$((SECONDS + 10))
    stop kubelet
    stop kube-proxy
    mapfile -t left < <(container_processes)
    kill_all TERM "${left[@]}"
    while ((SECONDS < deadline)); do
        mapfile -t left < <(container_processes)
        # Sandboxes and what ignores the signal are left for the next step.
        ((${#left[@]} > 0)) || break
        sleep 0.2
    done
    stop containerd
    deadline=$((SECONDS + 15))
    while ((SECONDS < deadline)); do
        mapfile -t left < <(container_processes; shims)
        ((${#left[@]} > 0)) || break
        kill_all KILL "${left[@]}"
        sleep 0.1
    done
    node_unmount
    find /sys/fs/cgroup -depth -type d \( -name "$cgroup" -o -path "*/$cgroup/*" \) -exec rmdir {} \; 2>/dev/null || true
    node_host_settings_restore
    # What the kubelet and containerd knew about processes that are gone.
    rm -rf --one-file-system "$short" "$state/fixed/run" "$state/fixed/addresses" "$state/fixed/var/lib/cni"
}

# node_unmount: mounts end with their namespace; this is for those that a broken
# start has left on the host. Deepest first, each as often as it is mounted.
node_unmount() {
    local point
    while read -r point; do
        umount "$point" 2>/dev/null || umount --lazy "$point" || true
    done < <(awk -v a="$short/" -v b="$state/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/mounts | sort -r)
}
