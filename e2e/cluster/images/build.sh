#!/usr/bin/env bash
# Builds the images of the platform and of its servers, as far as their inputs
# changed, and lists them in .run/images.txt, a line each:
#   <reference> <tar as of `docker save`> <hash of the inputs>
#
#   build.sh [all | components | servers]
#
#   SKIP_CARGO=1          take the release binaries as they are
#   BIN_DIR=<folder>      take the binaries from there (implies SKIP_CARGO)
#   REVISION=<commit>     for the label org.opencontainers.image.revision
#   REBUILD=1             build also what did not change (newer Debian packages)
#   IMAGES_DOCKER=system  use the Docker there is; see daemon.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
source "$here/lib.sh"
# shellcheck source=daemon.sh
source "$here/daemon.sh"
# shellcheck source=base.sh
source "$here/base.sh"

what=${1:-all}
case $what in
    all | components | servers) ;;
    *) die "usage: build.sh [all | components | servers]" ;;
esac

certificates=/etc/ssl/certs/ca-certificates.crt
version=$(workspace_version)
[[ -n $version ]] || die "no version in $repository/Cargo.toml"

# What is to be built: for each image its reference, hash and tar.
declare -a names=()
declare -A reference=() hash=() tar=()
plan() {
    local name=$1
    names+=("$name")
    reference[$name]=$2
    hash[$name]=$3
    tar[$name]=$tars/$name-$3.tar
}

plan_components() {
    need update-ca-certificates=ca-certificates
    if [[ -z ${BIN_DIR-} ]]; then
        if [[ -z ${SKIP_CARGO-} ]]; then
            say "building the release binaries"
            (cd "$repository" && cargo build --release --bins)
        fi
        BIN_DIR=$(cd "$repository" && cargo metadata --no-deps --offline --format-version 1 |
            sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/x86_64-unknown-linux-gnu/release
    fi
    local name labels
    for name in "${components[@]}"; do
        [[ -x $BIN_DIR/$name ]] || die "no binary $BIN_DIR/$name; build it first (without SKIP_CARGO)"
        labels=$(printf '%s %s' "$version" "${REVISION-}" | sha256sum)
        plan "$name" "$registry/$name:$version" \
            "$(printf '%s%s' "$labels" "$(digest "$repository/Dockerfile" "$certificates" "$BIN_DIR/$name")" |
                sha256sum | cut -c1-16)"
    done
}

plan_servers() {
    local server name inputs
    for server in "${servers[@]}"; do
        name=${server%%:*}
        inputs=("$here/$name")
        case $name in
            postgres | redis | rabbitmq) inputs+=("$here/base.sh") ;;
            ferretdb) ferretdb=$("$repository/e2e/ferretdb/build.sh") && inputs+=("$ferretdb") ;;
        esac
        plan "$name" "$registry/$server" "$(digest "${inputs[@]}")"
    done
}

# build_component NAME CONTEXT: the Dockerfile's path for binaries already built.
build_component() {
    local name=$1 rootfs=$2/rootfs
    install -D -m 0644 "$certificates" "$rootfs/etc/ssl/certs/ca-certificates.crt"
    install -m 0755 "$BIN_DIR/$name" "$rootfs/$name"
    ln -s "$name" "$rootfs/entrypoint"
    docker build --quiet --target prebuilt --file "$repository/Dockerfile" \
        --build-arg "BINARY=$name" --build-arg "VERSION=$version" --build-arg "REVISION=${REVISION-}" \
        --tag "${reference[$name]}" "$2" >/dev/null
}

# build_server NAME CONTEXT: the folder's Dockerfile, beside what it copies.
build_server() {
    local name=$1 context=$2
    local -a options=(--quiet)
    cp -R "$here/$name/." "$context"
    case $name in
        postgres | redis | rabbitmq)
            base_build
            # Packages come over the host's network: our daemon has no bridge.
            options+=(--network=host)
            [[ -z ${REBUILD-} ]] || options+=(--no-cache)
            ;;
        ferretdb) install -m 0755 "$ferretdb" "$context/ferretdb" ;;
        pause)
            need gcc=gcc
            [[ -e /usr/include/stdio.h ]] || need no-such-command=libc6-dev
            gcc -static -Os -s -Wall -Wextra -Werror -o "$context/pause" "$context/pause.c"
            ;;
    esac
    docker build "${options[@]}" --tag "${reference[$name]}" "$context" >/dev/null
}

# save NAME: the image as a file, complete or not at all.
save() {
    docker save --output "${tar[$1]}.new" "${reference[$1]}"
    mv "${tar[$1]}.new" "${tar[$1]}"
}

# prune NAME keeps the three tars that were used last: other clones use them too.
prune() {
    find "$tars" -maxdepth 1 -regextype posix-extended -regex ".*/$1-[0-9a-f]{16}\.tar(\.new)?" \
        -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2- | xargs -r rm -f
}

build_all() { # `context` is global, for the trap
    local name started done=0
    local -a missing=()
    for name in "${names[@]}"; do
        if [[ -n ${REBUILD-} || ! -s ${tar[$name]} ]]; then
            missing+=("$name")
        else
            touch "${tar[$name]}"
        fi
    done
    if [[ ${#missing[@]} -eq 0 ]]; then
        say "all ${#names[@]} are up to date"
        return
    fi
    local free
    free=$(df --output=avail -BM "$tars" | tail -n 1 | tr -dc 0-9)
    ((free > 3000)) || die "only $free MB are free in $tars; building needs 3000"

    daemon_start
    trap 'rm -rf "${context:-}"; daemon_stop' EXIT
    for name in "${missing[@]}"; do
        if [[ -z ${REBUILD-} && -s ${tar[$name]} ]]; then
            continue # the script that we waited for has built it
        fi
        started=$SECONDS
        context=$(mktemp -d "$tars/.context.XXXXXX")
        if [[ -d $here/$name ]]; then
            build_server "$name" "$context"
        else
            build_component "$name" "$context"
        fi
        save "$name"
        rm -rf "$context"
        context=''
        prune "$name"
        done=$((done + 1))
        say "$done/${#missing[@]} ${reference[$name]} ($(du -m "${tar[$name]}" | cut -f1) MB, $((SECONDS - started)) s)"
    done
    # In our own daemon only: elsewhere they are not ours to remove.
    [[ ${IMAGES_DOCKER-} == system ]] || docker image prune --force >/dev/null
}

# write_index replaces the lines of the images that were planned.
write_index() {
    local name
    mkdir -p "$(dirname "$index")"
    exec 7>"$index.lock"
    flock 7
    {
        for name in "${names[@]}"; do
            printf '%s %s %s\n' "${reference[$name]}" "${tar[$name]}" "${hash[$name]}"
        done
        if [[ -e $index ]]; then
            # Lines of images that exist no more, by name or by file, go.
            while read -r ref file sum; do
                name=${ref##*/}
                if [[ -z ${reference[${name%%:*}]-} && -e $file ]]; then
                    printf '%s %s %s\n' "$ref" "$file" "$sum"
                fi
            done <"$index"
        fi
    } | sort >"$index.new"
    mv "$index.new" "$index"
    exec 7>&-
}

mkdir -p "$tars"
find "$tars" -maxdepth 1 -name '.context.*' -mmin +120 -exec rm -rf {} +
[[ $what == components ]] || plan_servers
[[ $what == servers ]] || plan_components
build_all
write_index
