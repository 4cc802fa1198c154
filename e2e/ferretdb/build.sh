#!/usr/bin/env bash
# Builds FerretDB with our proxy and prints the binary's path.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../go-program.sh
source "$here/../go-program.sh"
go_program ferretdb "$here" . -tags ferretdb_no_postgresql
