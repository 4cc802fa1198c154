#!/usr/bin/env bash
# Runs the journeys against the platform that `make up` or `make dev` started,
# or the one at BASE_URL.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ -z ${BASE_URL-} && ! -s .run/env ]]; then
    echo "no running platform: \`make up\` or \`make dev\` starts one, or name it in BASE_URL" >&2
    exit 1
fi
# Chosen from the whole workspace, so that they are built with the features that everything else was built with.
exec cargo test --quiet --workspace --test components --test shop --test sign_in "$@"
