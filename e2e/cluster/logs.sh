#!/usr/bin/env bash
# `make logs`: what the platform's pods said lately, and the operator.
#
#   COMPONENT=catalog   only this component (or operator, or ferretdb)
#   FOLLOW=1            go on until Ctrl-C
#   TAIL=50             so many lines of each
#   NODE=1              the cluster's own programs instead (their last lines)
# shellcheck disable=SC2154 # most variables come from lib
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/all.sh
source "$here/lib/all.sh"

if [[ -n ${NODE-} ]]; then
    for file in "$logs"/*.log; do
        [[ $file != */audit.log ]] || continue
        printf '==> %s\n' "$file"
        tail -n "${TAIL:-20}" "$file"
    done
    exit 0
fi
[[ -s $kubeconfig ]] || die "there is no cluster here; make up makes one"
if kind_chosen; then kind_tools; else binaries; fi
arguments=(--prefix --all-containers --ignore-errors --max-log-requests=50 --tail="${TAIL:-50}")
[[ -z ${FOLLOW-} ]] || arguments+=(--follow)
operator_pods=(--namespace "$operator_namespace" --selector "app.kubernetes.io/instance=$release")
case ${COMPONENT-} in
    operator) kubectl logs "${arguments[@]}" "${operator_pods[@]}" ;;
    '')
        if [[ -z ${FOLLOW-} ]]; then kubectl logs "${arguments[@]}" "${operator_pods[@]}"; fi
        kubectl logs "${arguments[@]}" --namespace "$platform_namespace" --selector app.kubernetes.io/component
        ;;
    *) kubectl logs "${arguments[@]}" --namespace "$platform_namespace" \
        --selector "app.kubernetes.io/component=$COMPONENT" ;;
esac
