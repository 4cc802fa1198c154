#!/usr/bin/env bash
# Builds h2spec, the conformance test of HTTP/2, and prints the binary's path, its only output on stdout. The folder
# carries the hash of the pinned versions, so nothing is built when that binary is there already. 2.2.1 is the
# newest that Go's module proxy has.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/courseplatform/bin

hash=$(cat "$here"/go.mod "$here"/go.sum "$here"/build.sh | sha256sum | cut -c1-16)
out=$bin/h2spec-$hash/h2spec
if [[ ! -x $out ]]; then
    command -v go >/dev/null || { echo "e2e/h2spec: Go is missing (https://go.dev/dl)" >&2; exit 1; }
    mkdir -p "$bin/h2spec-$hash"
    # Two builds at once: the second waits and finds the binary.
    exec 9>"$bin/h2spec.lock"
    flock 9
    if [[ ! -x $out ]]; then
        cd "$here"
        CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$out.new" \
            github.com/summerwind/h2spec/cmd/h2spec >&2
        mv "$out.new" "$out"
        find "$bin" -maxdepth 1 -type d -name 'h2spec-*' ! -name "h2spec-$hash" -mtime +14 -exec rm -rf {} +
    fi
fi
echo "$out"
