#!/usr/bin/env bash
# What the offline cluster must survive, tried out on copies of this clone, so
# that a cluster which runs here stays as it is. Takes three minutes once
# the programs and the server images are built; needs root.
# shellcheck disable=SC2030,SC2031,SC2154 # variables of the libraries, in subshells
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_clone=$(cd "$here/../../.." && pwd)
[[ $(id -u) -eq 0 ]] || { echo "needs root" >&2; exit 1; }

work=$(mktemp -d /tmp/survival.XXXX)
clone=$work/one
other=$work/two
passed=0

copy() {
    mkdir -p "$1"
    (cd "$source_clone" && git ls-files -z e2e Cargo.toml kind-config.yaml | tar -c --null -T -) | tar -x -C "$1"
}

# up CLONE [VARIABLE=VALUE...]: a bare cluster; its output goes to CLONE/up.log.
up() {
    local at=$1
    shift
    env CLUSTER=offline ONLY_CLUSTER=1 PORT="$port" "$@" bash "$at/e2e/cluster/up.sh" >"$at/up.log" 2>&1
}
down() { bash "$1/e2e/cluster/down.sh" >"$1/down.log" 2>&1; }

# in_clone CLONE COMMAND...: with the functions and variables of that clone.
in_clone() {
    local at=$1
    shift
    (
        here=$at/e2e/cluster
        # shellcheck source=../lib/all.sh
        source "$at/e2e/cluster/lib/all.sh"
        export CLUSTER=offline
        binaries
        "$@"
    )
}
k() {
    local at=$1
    shift
    in_clone "$at" kubectl --namespace survival "$@"
}

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    tail -n 20 "$work"/*/up.log >&2 || true
    exit 1
}

# it SENTENCE FUNCTION: a test.
it() {
    local began=$SECONDS
    "$2" || fail "$1"
    passed=$((passed + 1))
    printf 'ok  %s (%d s)\n' "$1" "$((SECONDS - began))"
}

# free_port prints a port that nobody listens on.
free_port() {
    local candidate=20500
    while (: <"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do candidate=$((candidate + 1)); done
    echo "$candidate"
}

# eventually SECONDS COMMAND...
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.3
    done
}

workload_runs() { k "$1" rollout status deployment/redis --timeout=60s >/dev/null; }
container_of() { k "$1" get pods -l app=redis -o jsonpath='{.items[*].status.containerStatuses[*].containerID}'; }
redis() { k "$1" exec deployment/redis -- redis-cli -h redis.survival.svc.cluster.local "${@:2}"; }
remembers() { eventually 60 remembers_now "$1"; }
remembers_now() { [[ $(redis "$1" get name) == sava ]]; }
host_rules() { { nft list ruleset; ip route; ip rule; } 2>/dev/null || true; }
host_settings() { (cd /proc/sys && cat vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops net/ipv4/ip_forward); }

# everything_killed CLONE: by force, all that this clone's cluster consists of.
everything_killed() {
    in_clone "$1" kill_everything
}
kill_everything() {
    local name pid
    for name in "${cluster_parts[@]}"; do
        if pid=$(pid_of "$name"); then kill -KILL "$pid"; fi
    done
    # shellcheck disable=SC2046 # a list of numbers
    kill_all KILL $(shims; container_processes)
}
left_over() {
    id=$(in_clone "$1" printenv_id)
    # The brackets keep this search from finding itself.
    grep -lsE "[c]ourseplatform-$id|$1[/]\.run" /proc/[0-9]*/cmdline || true
    grep -E "courseplatform-$id|$1/\.run" /proc/mounts || true
    ls -d "/run/netns/courseplatform-$id" "/run/courseplatform-$id" 2>/dev/null || true
    ip -brief link show "cp$id" 2>/dev/null || true
    find /sys/fs/cgroup /var/lib/cni -name "courseplatform-$id*" 2>/dev/null || true
    find /var/log/containers -lname "$1/*" 2>/dev/null || true
}
printenv_id() { printf '%s\n' "$id"; }

without_root() {
    chmod -R a+rX "$work"
    ! setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent CLUSTER=offline \
        bash "$clone/e2e/cluster/up.sh" >"$clone/up.log" 2>&1 && grep -q "needs root" "$clone/up.log"
}
taken_port() {
    local bin listener taken result=0
    taken=$(free_port)
    bin=$(bash "$clone/e2e/cluster/apiserver.sh" build)
    "$bin/forwarder" "127.0.0.1:$taken" 127.0.0.1:1 2>/dev/null &
    listener=$!
    eventually 5 bash -c ": </dev/tcp/127.0.0.1/$taken"
    if up "$clone" PORT="$taken"; then result=1; fi
    grep -q "port $taken of this machine is taken.*PORT=" "$clone/up.log" || result=1
    kill "$listener"
    return "$result"
}
wrong_port() { ! up "$clone" PORT=http && grep -q "PORT=http is no port number" "$clone/up.log"; }
full_disk() {
    local result=0
    mkdir -p "$clone/.run"
    mount -t tmpfs -o size=64m survival "$clone/.run"
    if up "$clone" || ! grep -q "MB are free" "$clone/up.log"; then result=1; fi
    umount "$clone/.run"
    return "$result"
}
two_at_once() {
    local first result=0
    up "$clone" &
    first=$!
    env CLUSTER=offline ONLY_CLUSTER=1 PORT="$port" bash "$clone/e2e/cluster/up.sh" >"$clone/second.log" 2>&1 || result=1
    wait "$first" || result=1
    [[ $(cat "$clone/up.log" "$clone/second.log" | grep -c "waiting for it to end") == 1 ]] || result=1
    return "$result"
}
workload_starts() {
    k "$clone" apply --filename "$here/workload.yaml" >/dev/null
    workload_runs "$clone" && [[ $(redis "$clone" set name sava) == OK ]] && remembers "$clone" &&
        k "$clone" logs deployment/redis | grep -q "Ready to accept connections"
}
restricted() {
    ! k "$clone" run naked --image=courseplatform.local/redis:7 --restart=Never >/dev/null 2>"$work/refused" &&
        grep -q "violates PodSecurity" "$work/refused"
}
nothing_leaves() {
    ! in_clone "$clone" outward
}
outward() {
    network_addresses
    network_join
    "${join[@]}" bash -c ': <>/dev/tcp/198.51.100.1/80' 2>/dev/null
}
idle_second_up() {
    local before after began=$SECONDS log=$clone/.run/cluster/logs/audit.log
    before=$(grep -c '"username":"admin"' "$log" || true)
    up "$clone" || return 1
    after=$(grep -c '"username":"admin"' "$log" || true)
    ((after == before)) && ((SECONDS - began < 60))
}
server_killed() {
    local container
    container=$(container_of "$clone")
    in_clone "$clone" kill_some
    up "$clone" && remembers "$clone" && [[ $(container_of "$clone") == "$container" ]]
}
kill_some() {
    local name
    for name in kube-apiserver kubelet containerd coredns; do kill -KILL "$(pid_of "$name")"; done
}
all_killed() { everything_killed "$clone" && up "$clone" && remembers "$clone"; }
machine_restarted() {
    everything_killed "$clone"
    in_clone "$clone" sweep
    up "$clone" && remembers "$clone"
}
sweep() {
    ip netns delete "$netns"
    ip link delete "$host_interface" 2>/dev/null || true
    rm -rf "$short"
    find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} \; 2>/dev/null || true
}
other_version() {
    local container
    container=$(container_of "$clone")
    # The same programs in another place: every process is of a version that is
    # no longer the wanted one.
    mkdir -p "$work/cache/courseplatform"
    cp -al "${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform/"{bin,images} "$work/cache/courseplatform/"
    up "$clone" XDG_CACHE_HOME="$work/cache" && grep -q "restarting kube-apiserver" "$clone/up.log" &&
        remembers "$clone" && [[ $(container_of "$clone") == "$container" ]] && up "$clone"
}
half_way() {
    up "$other" &
    eventually 120 test -s "$other/.run/cluster/pids/etcd"
    kill -KILL "$(sed -n 's/.*pid \([0-9]*\),.*/\1/p' "$other/.run/lock")"
    ! wait $! 2>/dev/null || return 1
    up "$other"
}
neighbour_undisturbed() {
    local container
    container=$(container_of "$clone")
    k "$other" apply --filename "$here/workload.yaml" >/dev/null
    workload_runs "$other" && down "$other" && [[ -z $(left_over "$other") ]] &&
        remembers "$clone" && [[ $(container_of "$clone") == "$container" ]] && in_clone "$clone" paths_mounted
}
paths_mounted() {
    local path
    for path in "${fixed_paths[@]}"; do grep -q " $path " "/proc/$(pid_of namespace)/mounts" || return 1; done
}
nothing_left() {
    down "$clone" && [[ -z $(left_over "$clone") ]] && [[ $(host_rules) == "$rules" ]] &&
        [[ $(host_settings) == "$settings" ]]
}
data_after_down() { up "$clone" && remembers "$clone" && down "$clone"; }
purge() { PURGE=1 down "$clone" && [[ ! -e $clone/.run/cluster ]]; }

cleanup() {
    local at
    for at in "$clone" "$other"; do
        [[ ! -e $at/.run/cluster ]] || down "$at" || true
    done
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

copy "$clone"
copy "$other"
port=$(free_port)
rules=$(host_rules)
settings=$(host_settings)

it "without root it says so" without_root
it "a taken port is named, and what to do" taken_port
it "a port that is none is refused" wrong_port
it "a full disk is noticed before anything starts" full_disk
it "two at once: the second waits" two_at_once
it "a restricted pod keeps data, is found by name, and can be looked into" workload_starts
it "a pod that is not restricted is refused" restricted
it "nothing leaves the machine" nothing_leaves
it "a second up writes nothing, in under a minute" idle_second_up
it "killed servers come back and no container notices" server_killed
it "all killed: everything comes back with its data" all_killed
it "as after a restart of the machine: everything comes back with its data" machine_restarted
it "programs of another version are replaced while containers run on" other_version
it "broken off half-way: the next up goes on" half_way
it "another clone's cluster starts and ends beside it" neighbour_undisturbed
it "down leaves no process, mount, namespace, interface or rule" nothing_left
it "up after down finds the data" data_after_down
it "PURGE removes the data" purge
printf 'test result: ok. %d passed; 0 failed; 0 ignored\n' "$passed"
