#!/bin/bash
# Makes the data directory at the first start, then becomes the server.
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE   the superuser's password (required)
#   POSTGRES_USER         the superuser (postgres)
#   POSTGRES_DB           a database to create (the user's name)
#   POSTGRES_INITDB_ARGS  more arguments for initdb, separated by spaces
#   PGDATA                the data directory
# Arguments go to the server; a first argument that is no option is a command.
set -euo pipefail

if [[ $# -eq 0 || $1 == -* ]]; then
    set -- postgres "$@"
fi
if [[ $1 != postgres ]]; then
    exec "$@"
fi

fail() {
    echo "postgres entrypoint: $*" >&2
    exit 1
}

# value KEY: the variable, or what stands in the file that KEY_FILE names.
value() {
    local file_key=$1_FILE
    if [[ -n ${!1-} && -n ${!file_key-} ]]; then
        fail "$1 and $file_key are both set"
    fi
    if [[ -n ${!file_key-} ]]; then
        cat "${!file_key}"
    else
        printf '%s' "${!1-}"
    fi
}

# create DIR: a new cluster in DIR, with its superuser and its database.
create() {
    local dir=$1 user database password
    user=$(value POSTGRES_USER)
    user=${user:-postgres}
    database=$(value POSTGRES_DB)
    database=${database:-$user}
    password=$(value POSTGRES_PASSWORD)
    [[ -n $password ]] || fail "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set"

    local -a more
    read -ra more <<<"${POSTGRES_INITDB_ARGS-}"
    initdb --pgdata="$dir" --username="$user" --pwfile=<(printf '%s\n' "$password") \
        --auth-local=trust --auth-host=scram-sha-256 "${more[@]}"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$dir/pg_hba.conf"
    if [[ $database != postgres ]]; then
        # No server is needed for it, so nobody can connect to half a cluster.
        printf 'CREATE DATABASE "%s"\n' "${database//\"/\"\"}" |
            postgres --single -D "$dir" -j -c log_min_messages=warning postgres >/dev/null
    fi
}

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    parent=$(dirname "$PGDATA")
    if [[ -w $parent && ! -e $PGDATA ]]; then
        # Made aside and renamed, so that a start cut short leaves nothing that
        # looks like a cluster.
        rm -rf "$PGDATA.new"
        create "$PGDATA.new"
        sync -f "$PGDATA.new"
        mv "$PGDATA.new" "$PGDATA"
    else
        create "$PGDATA"
    fi
fi
exec "$@"
