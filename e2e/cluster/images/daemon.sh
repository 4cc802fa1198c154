# shellcheck shell=bash disable=SC2154
# A Docker daemon of our own, for as long as a script runs: with its own data,
# its own containerd, no bridge, no packet rules, no forwarding. It lives under
# the cache folder, so clones share its layers, and a lock lets one script at a
# time have it. Sourced after lib.sh.
#
# IMAGES_DOCKER=system uses the Docker that the `docker` command reaches
# instead, and starts and stops nothing.

daemon_dir=$cache/docker
daemon_log=$daemon_dir/dockerd.log

# docker ARGUMENTS: the client, talking to our daemon. Debian's comes first: a
# newer one may lack the classic builder.
docker() {
    if [[ ${IMAGES_DOCKER-} == system ]]; then
        command docker "$@"
        return
    fi
    local client=/usr/bin/docker
    [[ -x $client ]] || client=$(type -P docker)
    DOCKER_HOST=unix://$daemon_dir/docker.sock DOCKER_BUILDKIT=0 DOCKER_CONTEXT='' "$client" "$@"
}

# ours PID: is this process one of our daemons, and not a stranger with a number
# that was free again?
ours() {
    [[ -r /proc/$1/cmdline ]] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "$daemon_dir/"
}

# stop_process PIDFILE: ends it in order, or by force after 20 seconds.
stop_process() {
    local pid deadline=$((SECONDS + 20))
    if [[ -s $1 ]] && pid=$(<"$1") && ours "$pid"; then
        kill -TERM "$pid" 2>/dev/null || true
        while ours "$pid"; do
            if ((SECONDS > deadline)); then
                kill -KILL "$pid" 2>/dev/null || true
            fi
            sleep 0.1
        done
    fi
    rm -f "$1"
}

# daemon_stop ends the daemon and unmounts what it leaves mounted.
daemon_stop() {
    [[ ${IMAGES_DOCKER-} != system ]] || return 0
    stop_process "$daemon_dir/docker.pid"
    stop_process "$daemon_dir/containerd.pid"
    local mount
    while read -r mount; do
        umount "$mount" || umount --lazy "$mount"
    done < <(awk -v dir="$daemon_dir/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r)
    rm -rf "$daemon_dir/exec" "$daemon_dir/containerd" "$daemon_dir"/*.sock "$daemon_dir"/*.ttrpc
}

# daemon_start waits for the lock, cleans up after a script that was killed, and
# returns when Docker answers. The lock is held until the script ends.
daemon_start() {
    [[ ${IMAGES_DOCKER-} != system ]] || return 0
    [[ $(id -u) -eq 0 ]] || die "a Docker daemon of our own needs root (or use IMAGES_DOCKER=system with yours)"
    ((${#daemon_dir} < 80)) || die "$daemon_dir is too long a path for sockets; set XDG_CACHE_HOME to a shorter one"
    need dockerd=docker.io containerd=containerd runc=runc

    mkdir -p "$daemon_dir"
    exec 8>"$daemon_dir/lock"
    if ! flock --nonblock 8; then
        say "waiting for another script that builds images"
        flock 8
    fi
    trap 'exit 130' INT TERM HUP
    trap daemon_stop EXIT
    daemon_stop
    daemon_configure

    # Daemons must not inherit the lock: should this script be killed, they would
    # keep it for ever. Nor get the terminal's Ctrl-C before the trap does.
    setsid containerd --config "$daemon_dir/containerd.toml" \
        >"$daemon_dir/containerd.log" 2>&1 </dev/null 8>&- &
    echo $! >"$daemon_dir/containerd.pid"
    daemon_await "$daemon_dir/containerd.pid" test -S "$daemon_dir/containerd.sock"

    setsid dockerd --config-file "$daemon_dir/daemon.json" \
        --data-root "$daemon_dir/data" --exec-root "$daemon_dir/exec" --pidfile "$daemon_dir/docker.pid" \
        --host "unix://$daemon_dir/docker.sock" --containerd "$daemon_dir/containerd.sock" \
        --bridge=none --iptables=false --ip-forward=false --ip-masq=false \
        >"$daemon_log" 2>&1 </dev/null 8>&- &
    echo $! >"$daemon_dir/dockerd.pid"
    daemon_await "$daemon_dir/dockerd.pid" docker version
    rm -f "$daemon_dir/dockerd.pid" # from here on dockerd's own docker.pid counts
}

# daemon_configure writes both configurations: nothing outside our folder.
daemon_configure() {
    cat >"$daemon_dir/containerd.toml" <<TOML
version = 2
root = "$daemon_dir/containerd/root"
state = "$daemon_dir/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$daemon_dir/containerd.sock"
[ttrpc]
  address = "$daemon_dir/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "$daemon_dir/containerd/opt"
TOML
    # Docker 20 writes a key; newer ones neither write it nor know the setting.
    local settings='{}'
    if dockerd --version | grep -q ' version 20\.'; then
        settings="{\"deprecated-key-path\": \"$daemon_dir/key.json\"}"
    fi
    printf '%s\n' "$settings" >"$daemon_dir/daemon.json"
}

# daemon_await PIDFILE CHECK...: until the check succeeds, 30 seconds at most.
daemon_await() {
    local pid deadline=$((SECONDS + 30))
    pid=$(<"$1")
    shift
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
            tail -n 20 "$daemon_dir"/*.log >&2
            die "the Docker daemon did not start; its logs are in $daemon_dir"
        fi
        sleep 0.1
    done
}
