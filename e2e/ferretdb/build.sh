#!/usr/bin/env bash
# Builds FerretDB with our proxy and prints the binary's path, its only output
# on stdout. The folder carries the hash of the sources, so nothing is built
# when that binary is there already.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform/bin

sources() {
    (cd "$here" && find . -type f \( -name '*.go' -o -name 'go.*' -o -name build.sh \) \
        ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

hash=$(sources | sha256sum | cut -c1-16)
out=$bin/ferretdb-$hash/ferretdb
if [[ ! -x $out ]]; then
    command -v go >/dev/null || { echo "e2e/ferretdb: Go is missing (https://go.dev/dl)" >&2; exit 1; }
    mkdir -p "$bin/ferretdb-$hash"
    # Two builds at once: the second waits and finds the binary.
    exec 9>"$bin/ferretdb.lock"
    flock 9
    if [[ ! -x $out ]]; then
        echo "building FerretDB (about a minute the first time)" >&2
        cd "$here"
        CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags ferretdb_no_postgresql \
            -ldflags '-s -w' -o "$out.new" . >&2
        mv "$out.new" "$out"
        # Older ones are of no use: a clone builds what it needs in seconds.
        find "$bin" -maxdepth 1 -type d -name 'ferretdb-*' ! -name "ferretdb-$hash" -mtime +14 \
            -exec rm -rf {} +
    fi
fi
echo "$out"
