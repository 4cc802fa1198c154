# shellcheck shell=bash disable=SC2034,SC2154
# The other way to a cluster: kind, where Docker can pull images. The servers run
# from their official images and MongoDB is real; our images are built by the
# Docker there is. kubectl and helm are the installed ones. Sourced after
# platform.sh and cluster.sh, some functions of which it replaces.

kind_name=courseplatform-$id
kind_mark=$run/kind

# kind_possible: kind and its tools are there, and Docker reaches a registry.
kind_possible() {
    command -v kind && command -v helm && docker info &&
        timeout 20 docker manifest inspect docker.io/library/redis:7
} >/dev/null 2>&1

# kind_chosen: CLUSTER says so; or there is a cluster of one sort already; or it
# is possible.
kind_chosen() {
    if [[ -z ${CLUSTER-} ]]; then
        if [[ -e $kind_mark ]]; then
            CLUSTER=kind
        elif [[ -e $state/network ]] || ! kind_possible; then
            CLUSTER=offline
        else
            CLUSTER=kind
        fi
    fi
    case $CLUSTER in
        kind) return 0 ;;
        offline) return 1 ;;
        *) die "CLUSTER=$CLUSTER is neither kind nor offline" ;;
    esac
}

# kind_tools sets `bin` to a folder with the installed kubectl and helm.
kind_tools() {
    local name path
    bin=$run/kind-tools
    mkdir -p "$bin" "$logs"
    for name in kind kubectl helm; do
        path=$(type -P "$name") || die "$name must be installed for CLUSTER=kind"
        ln -sfn "$path" "$bin/$name"
    done
}

# kind_config: kind-config.yaml with the port that was chosen.
kind_config() { sed "s/HOST_PORT/$port/" "$repository/kind-config.yaml"; }

kind_exists() { "$bin/kind" get clusters 2>/dev/null | grep -qx "$kind_name"; }

kind_up() {
    kind_tools
    if kind_exists && [[ $(cat "$kind_mark" 2>/dev/null) != "$port" ]]; then
        die "the kind cluster answers on another port, and that can't be changed: make down first"
    fi
    if ! kind_exists; then
        rm -rf "$applied" "$imported"
        say "creating the kind cluster"
        kind_config >"$run/kind-config.yaml"
        printf '%s\n' "$port" >"$kind_mark"
        "$bin/kind" create cluster --name "$kind_name" --config "$run/kind-config.yaml" \
            --kubeconfig "$kubeconfig" --wait 2m
    fi
    IMAGES_DOCKER=system "$cluster_dir/images/build.sh" components
    kind_load
}

# kind_load brings the images that changed into the node.
kind_load() {
    local reference tar hash mark known
    mkdir -p "$imported"
    while read -r reference tar hash; do
        mark=$imported/${reference//[\/:]/_}
        known=$(cat "$mark" 2>/dev/null || true)
        [[ $known != "$hash" ]] || continue
        say "loading $reference"
        "$bin/kind" load image-archive "$tar" --name "$kind_name"
        [[ -z $known ]] || printf '%s\n' "$reference" >"$mark.roll"
        printf '%s\n' "$hash" >"$mark"
    done < <(grep -vE "^$registry/(postgres|redis|rabbitmq|ferretdb|pause):" "$run/images.txt")
}

kind_down() {
    kind_tools
    "$bin/kind" delete cluster --name "$kind_name" --kubeconfig "$kubeconfig"
    rm -rf "$kind_mark" "$bin" "$run/kind-config.yaml" "$kubeconfig" "$run/env" "$applied" "$imported"
}
