#!/usr/bin/env bash
# Makes the passwords for compose.yaml, once: in .run/compose/secrets, a folder
# for each server and each component, which is all that its container gets to
# see. What is there stays, for the volumes know the old passwords; to begin anew,
# remove the folder and the volumes (docker compose down --volumes).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=.run/compose/secrets

# The platform's name, which names its databases, users and keys; the same as in
# compose/plan.json, which operator/components/tests/compose.rs writes.
prefix=cp_$(printf compose/courseplatform | sha256sum | cut -c1-8)

# Containers read as users of their own, so files are readable once one is past
# the outer folder, which is the caller's alone.
mkdir -p "$out"
chmod 0700 "$(dirname "$out")"
umask 0022

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# once FILE: writes what comes on stdin, unless the file is there.
once() {
    mkdir -p "$(dirname "$out/$1")"
    if [[ ! -s $out/$1 ]]; then
        cat >"$out/$1.new"
        mv "$out/$1.new" "$out/$1"
    else
        cat >/dev/null # or who writes would fail
    fi
}

# server NAME USER: the administrator of a server, as a connection for `provision`.
server() {
    random | once "$1/password"
    echo "$1" | once "$1/host"
    echo "$2" | once "$1/username"
}
server postgres postgres
server mongodb admin
server redis admin
server rabbitmq admin
echo http://rabbitmq:15672 | once rabbitmq/management-uri
printf 'default_user = admin\ndefault_pass = %s\n' "$(<"$out/rabbitmq/password")" | once rabbitmq/default-user.conf
printf 'user default off\nuser admin on >%s ~* &* +@all\n' "$(<"$out/redis/password")" | once redis/users.acl

# account COMPONENT SERVER: its password there and the URL with which it connects.
account() {
    local component=$1 server=$2 login
    random | once "$component/$server-password"
    login=${prefix}_${component}_a:$(<"$out/$component/$server-password")
    case $server in
        postgres) echo "postgres://$login@postgres:5432/${prefix}_$component" | once "$component/database-url" ;;
        mongodb)
            echo "mongodb://$login@mongodb:27017/${prefix}_$component?authSource=${prefix}_$component" |
                once "$component/mongodb-url"
            ;;
        redis) echo "redis://$login@redis:6379/0" | once "$component/redis-url" ;;
        rabbitmq) echo "amqp://$login@rabbitmq:5672/$prefix" | once "$component/amqp-url" ;;
    esac
}
for component in identity discount order payment; do
    account "$component" postgres
    account "$component" rabbitmq
done
account catalog mongodb
account catalog rabbitmq
account basket redis
account basket rabbitmq
account gateway redis
account web redis

# base64url without padding, as identity reads it.
key=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
printf '{"current":"k1","keys":{"k1":"%s"}}\n' "$key" | once identity/keyring.json

# The first administrator, who is made when identity starts the first time.
printf '{"email":"admin@localhost","password":"%s"}\n' "$(random)" | once identity/first-admin.json

# A secret for each component that is an OAuth client, and its hash in identity's
# list. The list is made anew each time, from compose/clients.json, which that test
# writes too: it follows the port, and identity reads it again while it runs.
list=$(sed "s/@PORT@/${PORT:-8080}/g" compose/clients.json)
while read -r client; do
    printf %s "$(random)" | once "$client/client-secret"
    hash=$(printf %s "$(<"$out/$client/client-secret")" | sha256sum | cut -c1-64)
    list=${list//"@$client@"/$hash}
done < <(sed -n 's/.*"@\([a-z]*\)@".*/\1/p' compose/clients.json)
printf '%s\n' "$list" >"$out/identity/clients.json.new"
mv "$out/identity/clients.json.new" "$out/identity/clients.json"
