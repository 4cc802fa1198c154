# shellcheck shell=bash disable=SC2034,SC2154
# One script at a time changes the cluster. The kernel holds the lock, so it ends
# with its holder, however that ends. Sourced after common.sh.

# lock WHAT: waits for another `make up` or `make down` of this clone, and says
# who holds it up. File descriptor 9 is the lock; long-running children close it.
lock() {
    mkdir -p "$run"
    exec 9>>"$run/lock"
    if ! flock --nonblock 9; then
        say "another command is at work here ($(tail -n 1 "$run/lock" 2>/dev/null)); waiting for it to end"
        flock 9
    fi
    printf '%s, pid %s, since %s\n' "$1" "$$" "$(date +%H:%M:%S)" >"$run/lock"
}
