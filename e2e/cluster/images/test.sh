#!/usr/bin/env bash
# Runs each image of .run/images.txt as Pod Security `restricted` would: no
# root, no capability, a read-only root file system, no network; and asks the
# servers something. Ends with a line of counts.
#
#   test.sh [image name]...
#
# shellcheck disable=SC2317  # checks are called by name
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
source "$here/lib.sh"
# shellcheck source=daemon.sh
source "$here/daemon.sh"

[[ -s $index ]] || die "no $index; run build.sh first"
passed=0 failed=0 container='' scratch=$(mktemp -d)

# check WHAT COMMAND...: one assertion.
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        say "FAILED: $name: $what"
        printf '%s\n' "$output" | tail -n 15 | sed 's/^/    /' >&2
    fi
}

# eventually COMMAND...: it succeeds within 40 seconds.
eventually() {
    local deadline=$((SECONDS + 40))
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS > deadline)); then
            "$@"
            return
        fi
        sleep 0.2
    done
}

# start UID OPTION... -- ARGUMENT...: a container of the image under test.
start() {
    local uid=$1
    local -a options=()
    shift
    while [[ $# -gt 0 && $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    stop_container
    container=$(docker run --detach --network=none --read-only --cap-drop=ALL --pids-limit=512 \
        --security-opt=no-new-privileges --user="$uid:$uid" --tmpfs=/tmp "${options[@]}" "$ref" "$@" 2>/dev/null)
}

stop_container() {
    [[ -z $container ]] || docker rm --force "$container" >/dev/null 2>&1 || true
    container=''
}

inside() { docker exec "$container" "$@"; }
logs() { docker logs "$container" 2>&1; }
is() { [[ $("${@:2}") == "$1" ]]; }
refuses() { ! "$@"; }
inspect() { docker image inspect --format "$1" "$ref"; }

# ends SECONDS: SIGTERM (or the image's own signal) ends it in time, with 0.
ends() {
    docker stop --time "$1" "$container" >/dev/null &&
        is 0 docker inspect --format '{{.State.ExitCode}}' "$container"
}

# volume NAME: a folder that anybody may write, like the cluster's volumes.
volume() {
    mkdir -p "$scratch/$1"
    chmod 0777 "$scratch/$1"
    printf '%s' "$scratch/$1"
}

test_postgres() {
    local data secret=$scratch/password
    data=$(volume postgres)
    printf 's3cret' >"$secret"
    chmod 0644 "$secret"
    local -a options=(--tmpfs=/var/run/postgresql:uid=999 --volume="$data:/var/lib/postgresql/data"
        --volume="$secret:/run/secrets/password:ro" --env=PGDATA=/var/lib/postgresql/data/pgdata
        --env=POSTGRES_USER=admin --env=POSTGRES_DB=platform --env=POSTGRES_INITDB_ARGS=--data-checksums
        --env=POSTGRES_PASSWORD_FILE=/run/secrets/password)
    query() { inside psql --no-psqlrc --username=admin --dbname=platform --tuples-only --no-align --command="$1"; }
    login() { docker exec --env="PGPASSWORD=$1" "$container" psql -h 127.0.0.1 -U admin -d platform -c 'select 1'; }
    prepared() { eventually query 'select 1'; }

    # Cut off anywhere in the first start, the second must be able to begin.
    start 999 "${options[@]}" -- -c max_connections=50
    eventually test -e "$data/pgdata.new/PG_VERSION" || true
    docker kill "$container" >/dev/null 2>&1 || true

    start 999 "${options[@]}" -- -c max_connections=50
    check "it starts after a first start that was killed" prepared
    check "it is PostgreSQL 15" is 15 query "select current_setting('server_version_num')::int / 10000"
    check "arguments reach the server" is 50 query 'show max_connections'
    check "initdb's arguments are used" is on query 'show data_checksums'
    check "it listens on all addresses" is '*' query 'show listen_addresses'
    check "the data directory is private" is 700 stat -c %a "$data/pgdata"
    check "the password from the file opens it" login s3cret
    check "another password does not" refuses login other
    check "data is written" query 'create table kept as select 1 as x'
    check "it ends within 10 seconds" ends 10
    start 999 "${options[@]}" -- -c max_connections=50
    check "it starts again on its volume" prepared
    check "the data is still there" is 1 query 'select x from kept'
    start 999 --tmpfs=/var/lib/postgresql/data:uid=999 --tmpfs=/var/run/postgresql:uid=999 --
    check "without a password it refuses to start" is 1 docker wait "$container"
}

test_redis() {
    local data
    data=$(volume redis)
    printf 'requirepass s3cret\n' >"$scratch/redis.conf"
    ask() { inside redis-cli --no-auth-warning -a s3cret "$@"; }
    start 999 --volume="$data:/data" --volume="$scratch/redis.conf:/etc/redis.conf:ro" -- \
        redis-server /etc/redis.conf --appendonly yes
    check "it answers" eventually is PONG ask ping
    check "without the password it does not" refuses is PONG inside redis-cli ping
    check "protected mode is off, as in the official image" is $'protected-mode\nno' ask config get protected-mode
    check "data is written" is OK ask set kept 1
    check "it ends within 10 seconds" ends 10
    start 999 --volume="$data:/data" -- --appendonly yes --requirepass s3cret
    check "it starts again with options only" eventually is PONG ask ping
    check "the data is still there" is 1 ask get kept
}

test_rabbitmq() {
    local data
    data=$(volume rabbitmq)
    local -a options=(--hostname=rabbitmq-0 --env=RABBITMQ_NODENAME=rabbit@localhost
        --env=RABBITMQ_ERLANG_COOKIE=cookie --tmpfs=/var/log/rabbitmq:uid=999 --volume="$data:/var/lib/rabbitmq")
    api() { inside rabbitmqadmin --username=admin --password=s3cret "$@"; }
    running() { eventually inside rabbitmq-diagnostics -q check_running; }
    printf 'default_user = admin\ndefault_pass = s3cret\n' >"$scratch/20-user.conf"
    start 999 "${options[@]}" --volume="$scratch/20-user.conf:/etc/rabbitmq/conf.d/20-user.conf:ro" --
    check "it starts" running
    check "the user of the configuration exists" inside rabbitmqctl -q authenticate_user admin s3cret
    check "guest does not" refuses inside rabbitmqctl -q authenticate_user guest guest
    check "the management API answers" eventually api list users
    check "it declares a quorum queue" api declare queue name=q durable=true 'arguments={"x-queue-type":"quorum"}'
    check "it takes a policy" api declare policy name=p pattern=q 'definition={"delivery-limit":20}' apply-to=queues
    check "it ends within 20 seconds" ends 20
    start 999 "${options[@]}" --
    check "it starts again on its volume" running
    check "the queue is still there" eventually grep -q q <(api list queues name)
    start 999 --hostname=rabbitmq-0 --tmpfs=/var/log/rabbitmq:uid=999 --tmpfs=/var/lib/rabbitmq:uid=999 \
        --env=RABBITMQ_NODENAME=rabbit@localhost --env=RABBITMQ_DEFAULT_USER=by --env=RABBITMQ_DEFAULT_PASS=variable --
    check "it starts with variables" running
    check "the user of the variables exists" inside rabbitmqctl -q authenticate_user by variable
}

test_ferretdb() {
    start 65532 --volume="$(volume ferretdb):/data" --
    # hello, as a driver says it: {hello: 1, $db: "admin"} in an OP_MSG.
    # shellcheck disable=SC2016  # not this shell's variables
    greet() {
        local request='\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0'
        nsenter --net="/proc/$(docker inspect --format '{{.State.Pid}}' "$container")/ns/net" bash -c '
            exec 3<>/dev/tcp/127.0.0.1/27017
            printf "$1" >&3
            timeout 5 head -c 200 <&3 | grep -aq isWritablePrimary' greet "$request"
    }
    check "it greets a driver" eventually greet
    check "it ends within 10 seconds" ends 10
}

test_pause() {
    start 65535 --
    check "it runs" is true docker inspect --format '{{.State.Running}}' "$container"
    check "it ends at once" ends 2
}

# The image of one of our binaries.
test_component() {
    check "it runs as 65532" is 65532:65532 inspect '{{.Config.User}}'
    check "it carries its name and version" is "$name ${ref##*:}" \
        inspect '{{index .Config.Labels "org.opencontainers.image.title"}} {{index .Config.Labels "org.opencontainers.image.version"}}'
    check "it is at most 20 MB" test "$(inspect '{{.Size}}')" -le 20000000
    start 65532 --entrypoint="/$name" -- --help
    check "/$name runs" is 0 docker wait "$container"
    start 65532 -- --help
    check "so does the image" is 0 docker wait "$container"
    # Without the folders and the files that Docker puts into any container.
    files() {
        docker export "$container" | tar --list | LC_ALL=C sort |
            grep -vE '/$|^dev/|^etc/(hostname|hosts|mtab|resolv.conf)$|^\.dockerenv$'
    }
    check "it holds the binary, a link to it and certificates" \
        is "$(printf '%s\n' "$name" entrypoint etc/ssl/certs/ca-certificates.crt | LC_ALL=C sort)" files
}

daemon_start
trap 'stop_container; rm -rf "$scratch"; daemon_stop' EXIT
while read -r ref file _ <&9; do
    name=${ref##*/}
    name=${name%%:*}
    if [[ $# -gt 0 && " $* " != *" $name "* ]]; then
        continue
    fi
    # Always from the file: it is what the cluster gets.
    docker load --quiet --input "$file" >/dev/null
    before=$((passed + failed))
    if [[ -d $here/$name ]]; then
        "test_$name"
    else
        test_component
    fi
    stop_container
    say "$name: $((passed + failed - before)) checks"
done 9<"$index"
say "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
