# shellcheck shell=bash
# Programs of ours, and of others, that are built from Go modules, once. Sourced.

# go_program NAME FOLDER PACKAGE [FLAG…]: builds PACKAGE of the module in FOLDER and prints the binary's path, its only
# output on stdout. The binary's folder carries the hash of the sources, the pinned versions among them, so nothing is
# built when it is there already.
go_program() {
    local name=$1 folder=$2 package=$3 hash out
    local bin=${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform/bin
    shift 3
    hash=$({ go_program_sources "$folder"; declare -f go_program; printf '%s\n' "$package" "$@"; } |
        sha256sum | cut -c1-16)
    out=$bin/$name-$hash/$name
    if [[ ! -x $out ]]; then
        command -v go >/dev/null || { echo "e2e/$name: Go is missing (https://go.dev/dl)" >&2; return 1; }
        mkdir -p "$bin/$name-$hash"
        # Two builds at once: the second waits and finds the binary.
        exec 9>"$bin/$name.lock"
        flock 9
        if [[ ! -x $out ]]; then
            echo "building $name (up to a minute the first time)" >&2
            (cd "$folder" &&
                CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' "$@" -o "$out.new" "$package" >&2) ||
                return 1
            mv "$out.new" "$out"
            # Older ones are of no use: a clone builds what it needs in seconds.
            find "$bin" -maxdepth 1 -type d -name "$name-*" ! -name "$name-$hash" -mtime +14 -exec rm -rf {} +
        fi
        exec 9>&-
    fi
    echo "$out"
}

# go_program_sources FOLDER: the hash of each file that makes a difference to what is built.
go_program_sources() {
    (cd "$1" && find . -type f \( -name '*.go' -o -name 'go.*' \) ! -name '*_test.go' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum)
}
