# shellcheck shell=bash disable=SC2034,SC2154
# The cluster's own room on the host: a network namespace, joined with the host
# by one pair of interfaces and with no way out, and a mount namespace, so that
# the host sees neither the cluster's interfaces and packet rules nor its
# mounts. Both vanish with their last process. Sourced after process.sh.

netns=courseplatform-$id
host_interface=cp$id
# Bind mounts of the mount namespace: programs with fixed paths write there, and
# it lands in our folder.
fixed_paths=(/run/containerd /var/lib/cni /var/log/containers)

# network_addresses sets host_ip and node_ip: a /30 of the range for benchmarks
# (198.18.0.0/15, in nobody's real network), chosen by the clone's path, or the
# next one when another clone has it. Kept once chosen.
network_addresses() {
    local slot used
    if [[ ! -s $state/network ]]; then
        mkdir -p "$state"
        slot=$((16#${id:0:4} % 32768))
        used=$(ip -4 -o address show)
        while true; do
            host_ip=198.$((18 + slot / 16384)).$((slot / 64 % 256)).$((slot % 64 * 4 + 1))
            grep -qF " $host_ip/" <<<"$used" || break
            slot=$(((slot + 1) % 32768))
        done
        printf '%s %s\n' "$host_ip" "${host_ip%.*}.$((${host_ip##*.} + 1))" | write "$state/network"
    fi
    read -r host_ip node_ip <"$state/network"
}

# network_intact: both namespaces are there and belong together. When not (a
# restart of the machine, somebody's broom), whatever still runs sits in rooms
# that nobody can enter any more, so all of it must end before network_create.
network_intact() {
    local anchor
    anchor=$(pid_of namespace) || return 1
    [[ /proc/$anchor/ns/net -ef /run/netns/$netns ]] &&
        ip link show "$host_interface" >/dev/null 2>&1
}

# network_create makes both. The network namespace has a blackhole as its only
# default route: nothing leaves the machine, and the host forwards nothing and
# keeps its firewall as it was.
network_create() {
    local path
    network_addresses
    ip netns add "$netns"
    ip link add "$host_interface" type veth peer name eth0 netns "$netns"
    ip address add "$host_ip/30" dev "$host_interface"
    ip link set "$host_interface" up
    ip -n "$netns" address add "$node_ip/30" dev eth0
    ip -n "$netns" link set lo up
    ip -n "$netns" link set eth0 up
    ip -n "$netns" route add blackhole default

    for path in "${fixed_paths[@]}"; do mkdir -p "$path"; done
    rm -f "$state/fixed/ready"
    # A process that only sleeps keeps the mount namespace alive.
    # shellcheck disable=SC2016 # the inner shell expands these
    ensure namespace -- nsenter "--net=/run/netns/$netns" unshare --mount --propagation slave bash -c '
        set -e
        at=$1
        shift
        for path in "$@"; do
            mkdir -p "$at$path"
            mount --bind "$at$path" "$path"
        done
        mount --make-rshared /
        touch "$at/ready"
        exec sleep infinity' namespace "$state/fixed" "${fixed_paths[@]}"
    await_process namespace 10 test -e "$state/fixed/ready"
}

# network_join sets `join` to what runs a command inside both. (`ip netns exec`
# would hide the cgroups.)
network_join() {
    local anchor
    anchor=$(pid_of namespace)
    join=(nsenter "--mount=/proc/$anchor/ns/mnt" "--net=/proc/$anchor/ns/net" --)
}

# other_clusters: some other clone has one.
other_clusters() { find /run/netns -maxdepth 1 -name 'courseplatform-*' ! -name "$netns" 2>/dev/null | grep -q .; }

# network_down removes both, and the empty folders that were mounted upon.
network_down() {
    local path
    stop namespace 1
    ip link delete "$host_interface" 2>/dev/null || true
    ip netns delete "$netns" 2>/dev/null || true
    rm -f "/run/netns/$netns"
    # Removing a folder that another cluster has mounted upon in its namespace
    # would take that mount away.
    other_clusters || for path in "${fixed_paths[@]}"; do rmdir "$path" 2>/dev/null || true; done
}
