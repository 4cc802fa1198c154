#!/bin/bash
# Becomes redis-server. Arguments that begin with an option or with a .conf file
# go to it; anything else is a command.
set -euo pipefail
umask 0077

if [[ $# -eq 0 || $1 == -* || $1 == *.conf ]]; then
    set -- redis-server "$@"
fi
if [[ $1 != redis-server ]]; then
    exec "$@"
fi
shift

# The official image is built with protected mode off, Debian's package with it
# on. Ours is off too, unless the configuration file or an argument decides.
config=()
if [[ ${1-} == *.conf ]]; then
    config=("$1")
    shift
fi
if [[ ${#config[@]} -eq 0 ]] || ! grep -q '^[[:space:]]*protected-mode' "${config[0]}"; then
    set -- --protected-mode no "$@"
fi
exec redis-server "${config[@]}" "$@"
