# shellcheck shell=bash disable=SC2034,SC2154
# Brings the built images into the node's containerd: those whose content hash
# is not there yet. Sourced after node.sh.

imported=$state/imported

# images_import reads the list of images (reference, tar, content hash a line).
images_import() {
    local reference tar hash known mark present
    mkdir -p "$imported"
    present=$(ctr images list --quiet)
    while read -r reference tar hash; do
        mark=$imported/${reference//[\/:]/_}
        known=$(cat "$mark" 2>/dev/null || true)
        if [[ $known == "$hash" ]] && grep -qxF "$reference" <<<"$present"; then continue; fi
        say "importing $reference"
        ctr images import "$tar" >>"$logs/import.log" 2>&1 ||
            die "could not import $tar; see $logs/import.log"
        # Written first: should this be broken off here, the next run rolls.
        [[ -z $known || $known == "$hash" ]] || printf '%s\n' "$reference" >"$mark.roll"
        printf '%s\n' "$hash" >"$mark"
    done <"$1"
}

# images_roll deletes the pods that run the old content of a changed image: the
# tag, and so what every object wishes, is the same as before.
images_roll() {
    local file reference namespace pod
    for file in "$imported"/*.roll; do
        [[ -e $file ]] || continue
        reference=$(<"$file")
        while read -r namespace pod; do
            say "restarting $namespace/$pod: $reference changed"
            kubectl delete pod --namespace "$namespace" "$pod" --wait=false --ignore-not-found >/dev/null
        done < <(kubectl get pods --all-namespaces --field-selector=status.phase!=Succeeded -o jsonpath='{range .items[*]}{.metadata.namespace}{" "}{.metadata.name}{" "}{.spec.initContainers[*].image}{" "}{.spec.containers[*].image}{"\n"}{end}' |
            awk -v image="$reference" '{for (i = 3; i <= NF; i++) if ($i == image) {print $1, $2; next}}')
        rm -f "$file"
    done
}
