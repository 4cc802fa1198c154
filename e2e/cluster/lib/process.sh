# shellcheck shell=bash disable=SC2034,SC2154
# Long-running processes: started once, known by pid and start time (so that a
# number given to a stranger after a restart is never mistaken for ours),
# restarted when their command or configuration changed. Sourced after common.sh.

pids=$state/pids

# started_at PID: the process' start time in ticks since boot, with the boot's
# id: together they never repeat. Nothing when there is no such process.
started_at() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name in parentheses may hold anything, so count from its end.
    # shellcheck disable=SC2086 # to be split
    set -- ${stat##*) }
    [[ $1 != Z ]] || return 1
    printf '%s@%s\n' "${20}" "$(</proc/sys/kernel/random/boot_id)"
}

# pid_of NAME: the pid of our running process of that name; 1 when none runs.
pid_of() {
    local pid start
    [[ -s $pids/$1 ]] || return 1
    read -r pid start <"$pids/$1" || return 1
    [[ -n ${start-} && $(started_at "$pid") == "$start" ]] || return 1
    printf '%s\n' "$pid"
}

# stop NAME [SECONDS]: ends it in order, or by force after that long (5 s: none of
# them has anything to lose, and kube-apiserver would wait a minute for watches).
stop() {
    local pid deadline=$((SECONDS + ${2:-5}))
    if pid=$(pid_of "$1"); then
        kill -TERM "$pid" 2>/dev/null || true
        while pid_of "$1" >/dev/null; do
            if ((SECONDS >= deadline)); then kill -KILL "$pid" 2>/dev/null || true; fi
            sleep 0.05
        done
    fi
    rm -f "$pids/$1" "$pids/$1.config"
}

# ensure NAME FILE... -- COMMAND...: the command runs, with what the files say
# now. Does nothing when it already does.
ensure() {
    local name=$1 config log=$logs/$1.log
    local -a files=()
    shift
    while [[ $1 != -- ]]; do
        files+=("$1")
        shift
    done
    shift
    config=$(fingerprint "${files[@]}" -- "$@")
    if pid_of "$name" >/dev/null; then
        [[ $(<"$pids/$name.config") != "$config" ]] || return 0
        say "restarting $name: its configuration changed"
        stop "$name"
    fi
    mkdir -p "$pids" "$logs"
    [[ ! -e $log || $(stat -c %s "$log") -lt 20000000 ]] || mv "$log" "$log.old"
    # Its own session: the terminal's Ctrl-C is not for it. Not the lock either.
    setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
    local pid=$! start
    disown
    start=$(started_at "$pid") || die "$name ended at once; see $log"
    printf '%s\n' "$config" >"$pids/$name.config"
    printf '%s %s\n' "$pid" "$start" >"$pids/$name"
}

# await_process NAME SECONDS CHECK...: until the check succeeds. When the process
# dies or time is over, shows the end of its log and ends the script.
await_process() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! pid_of "$name" >/dev/null; then
            tail -n 15 "$logs/$name.log" >&2
            die "$name has ended; its log is $logs/$name.log"
        fi
        if ((SECONDS >= deadline)); then
            tail -n 15 "$logs/$name.log" >&2
            die "$name is not ready; its log is $logs/$name.log"
        fi
        sleep 0.1
    done
}
