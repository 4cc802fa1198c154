#!/usr/bin/env bash
# Writes the generated files anew: the CRD, OpenAPI documents, the catalogue of events. Golden pod templates
# of released versions are never rewritten. Look at the difference before you commit it.
set -euo pipefail
cd "$(dirname "$0")/.."
UPDATE=1 cargo test --quiet --workspace up_to_date
