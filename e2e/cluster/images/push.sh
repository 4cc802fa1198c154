#!/usr/bin/env bash
# Pushes the platform's images, as build.sh made them, to a registry:
#
#   REGISTRY=ghcr.io/somebody push.sh
#
# They become $REGISTRY/<name>:<version>, which is what `spec.image.registry` of
# a CoursePlatform expects. Log in first with `docker login`; without TLS Docker
# speaks only to 127.0.0.0/8. The servers' images are not ours to publish.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
source "$here/lib.sh"
# shellcheck source=daemon.sh
source "$here/daemon.sh"

REGISTRY=${REGISTRY-}
REGISTRY=${REGISTRY%/}
[[ -n $REGISTRY ]] || die "name the registry: make images push REGISTRY=ghcr.io/somebody"
[[ $REGISTRY != *://* ]] || die "REGISTRY is host[:port][/path], without a scheme: ${REGISTRY#*://}"
[[ -s $index ]] || die "no $index; run build.sh first"

version=$(workspace_version)
for name in "${components[@]}"; do
    grep -q "^$registry/$name:$version " "$index" || die "$name $version is not built; run build.sh first"
done

daemon_start
pushed=0
for name in "${components[@]}"; do
    read -r ref file _ < <(grep "^$registry/$name:$version " "$index")
    target=$REGISTRY/$name:$version
    docker load --quiet --input "$file" >/dev/null
    docker tag "$ref" "$target"
    # Docker repeats by itself what fails for a moment.
    if ! output=$(docker push "$target" 2>&1); then
        printf '%s\n' "$output" | tail -n 5 >&2
        die "$target was not pushed (is $REGISTRY reachable, and are you logged in?)"
    fi
    docker rmi --no-prune "$target" >/dev/null
    pushed=$((pushed + 1))
    say "$pushed/${#components[@]} $target $(grep -o 'sha256:[0-9a-f]*' <<<"$output" | tail -n 1)"
done
