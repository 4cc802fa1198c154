#!/usr/bin/env bash
# Writes the generated files anew: the CRD and the chart's copy of it, OpenAPI documents, the catalogue of events,
# Compose's plan, routes and clients. Snapshots of the tests and the golden pod templates of a release are not touched.
# Look at the difference before you commit it.
set -euo pipefail
cd "$(dirname "$0")/.."
export UPDATE=1
cargo test --quiet --workspace up_to_date
cargo test --quiet --package courseplatform-operator --test chart
cargo test --quiet --package platform-components --test compose
