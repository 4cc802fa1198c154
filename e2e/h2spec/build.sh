#!/usr/bin/env bash
# Builds h2spec, the conformance test of HTTP/2, and prints the binary's path. 2.2.1 is the newest that Go's module
# proxy has.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../go-program.sh
source "$here/../go-program.sh"
go_program h2spec "$here" github.com/summerwind/h2spec/cmd/h2spec
