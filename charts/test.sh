#!/usr/bin/env bash
# Checks the chart without a cluster: lint, rendering with the values that people change, and values that the
# schema must refuse.
set -euo pipefail
cd "$(dirname "$0")"
chart=courseplatform-operator
PATH="$(bash ../e2e/cluster/apiserver.sh build | tail -n 1):$PATH"

helm lint --strict "$chart"

# The oldest Kubernetes that the chart supports.
render() { helm template operator "$chart" --namespace courseplatform-system --kube-version 1.33.0 "$@"; }
rendered=$(render)
grep -q 'kind: CustomResourceDefinition' <<<"$rendered"
grep -q 'kind: ClusterRole' <<<"$rendered"
grep -q 'readOnlyRootFilesystem: true' <<<"$rendered"
render --set crds.install=false | grep -q 'kind: CustomResourceDefinition' && { echo "crds.install=false installs them" >&2; exit 1; }
render --set rbac.create=false | grep -q 'kind: ClusterRole' && { echo "rbac.create=false makes roles" >&2; exit 1; }

for wrong in replicaCount=many image.pullPolicy=Sometimes nonsense=1 log.format=xml; do
  if render --set "$wrong" >/dev/null 2>&1; then
    echo "the schema of values accepts $wrong" >&2
    exit 1
  fi
done
