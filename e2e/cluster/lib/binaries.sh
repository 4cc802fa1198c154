# shellcheck shell=bash disable=SC2034,SC2154
# The cluster's programs, built from published Go modules into the cache folder.
# The folder's name is a hash of their sources and of the compiler, so a program
# of another version is never run by mistake. Sourced after common.sh.

kubernetes_version=$(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' "$cluster_dir/go.mod")
helm_version=$(sed -n 's/.*helm.sh\/helm\/v3 \(v[0-9.]*\).*/\1/p' "$cluster_dir/go.mod")
kubernetes_programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

# binaries_flags: what the upstream builds tell the linker. Without it the server
# calls itself v0.0.0, and Helm refuses every chart that names a minimum.
binaries_flags() {
    local package minor=${kubernetes_version#v1.}
    printf '%s' "-s -w -X helm.sh/helm/v3/internal/version.version=$helm_version"
    # What `helm lint` and `helm template` assume where there is no cluster.
    for package in lint/rules chartutil; do
        printf ' -X helm.sh/helm/v3/pkg/%s.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/%s.k8sVersionMinor=%s' \
            "$package" "$package" "${minor%%.*}"
    done
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        printf ' -X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s' \
            "$package" "$kubernetes_version" "$package" "$package" "${minor%%.*}"
    done
}

# binaries_prune removes folders that are no longer wanted: not this one, not
# used for two weeks, and nobody runs a program of theirs.
binaries_prune() {
    local folder
    while read -r folder; do
        [[ $folder != "$bin" ]] || continue
        if ! find /proc/[0-9]*/exe -lname "$folder/*" 2>/dev/null | grep -q .; then
            rm -rf "$folder"
        fi
    done < <(find "$cache/bin" -mindepth 1 -maxdepth 1 -mtime +14 -regextype posix-extended -regex ".*/[0-9a-f]{16}")
}

# binaries sets `bin` to the folder of the programs and builds them if need be.
binaries() {
    local name started=$SECONDS
    command -v go >/dev/null || die "Go is needed to build Kubernetes: install 1.26 or newer (https://go.dev/dl)"
    local -a sources
    mapfile -t sources < <(cd "$cluster_dir" && find . -name '*.go' ! -name '*_test.go' | LC_ALL=C sort)
    bin=$cache/bin/$(cd "$cluster_dir" &&
        fingerprint go.mod go.sum "${sources[@]}" -- "$(go env GOVERSION)" "$(binaries_flags)")
    if [[ -e $bin/complete ]]; then
        touch "$bin"
        return
    fi

    mkdir -p "$cache/bin"
    exec 6>"$cache/bin.lock"
    if ! flock --nonblock 6; then
        say "another clone builds the cluster's programs; waiting for it"
        flock 6
    fi
    if [[ ! -e $bin/complete ]]; then
        say "building Kubernetes $kubernetes_version, CoreDNS and Helm from source (about 5 minutes on 2 cores)"
        rm -rf "$bin.new"
        (cd "$cluster_dir" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "$(binaries_flags)" \
            -o "$bin.new/" ./kubernetes ./coredns ./forwarder ./volumes helm.sh/helm/v3/cmd/helm) ||
            die "the cluster's programs could not be built"
        for name in "${kubernetes_programs[@]}"; do ln -s kubernetes "$bin.new/$name"; done
        touch "$bin.new/complete"
        rm -rf "$bin"
        mv "$bin.new" "$bin"
        say "built in $((SECONDS - started)) s"
        binaries_prune
    fi
    exec 6>&-
}
