#!/bin/bash
# Becomes rabbitmq-server, which itself reads RABBITMQ_NODENAME and, at the
# first start, RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and
# RABBITMQ_DEFAULT_VHOST; settings go into /etc/rabbitmq/conf.d.
#   RABBITMQ_ERLANG_COOKIE   written to ~/.erlang.cookie, for the command-line tools
# Any other command is run as it is.
set -euo pipefail

if [[ -n ${RABBITMQ_ERLANG_COOKIE-} ]]; then
    cookie=$HOME/.erlang.cookie
    if [[ ! -e $cookie ]]; then
        (umask 0377 && printf '%s' "$RABBITMQ_ERLANG_COOKIE" >"$cookie")
    elif [[ $(<"$cookie") != "$RABBITMQ_ERLANG_COOKIE" ]]; then
        echo "rabbitmq entrypoint: $cookie differs from RABBITMQ_ERLANG_COOKIE" >&2
        exit 1
    fi
    unset RABBITMQ_ERLANG_COOKIE
fi
exec "$@"
