# shellcheck shell=bash disable=SC2034,SC2154
# What runs on the cluster: the operator by its chart, one CoursePlatform, and
# what that one needs here. The same for the offline cluster and for kind.
# Sourced after addons.sh.

release=courseplatform-operator
chart=$repository/charts/courseplatform-operator
platform_name=demo

helm() { "$bin/helm" --kubeconfig "$kubeconfig" --namespace "$operator_namespace" "$@"; }

# image_values: helm's arguments that name the images we built; kind pulls those
# of the servers.
image_values() {
    printf '%s\n' --set=image.registry="$registry" --set=platform.imageRegistry="$registry"
    kind_chosen || printf '%s\n' --set=serverImages.postgres="$registry/postgres:15" \
        --set=serverImages.redis="$registry/redis:7" --set=serverImages.rabbitmq="$registry/rabbitmq:3.10"
}

# platform_operator installs or upgrades the chart if it or its values changed.
platform_operator() {
    local wanted
    local -a files values
    mapfile -t values < <(image_values)
    mapfile -t files < <(find "$chart" -type f | LC_ALL=C sort)
    wanted=$(fingerprint "${files[@]}" -- "${values[@]}" "$helm_version")
    if [[ $(cat "$applied/operator" 2>/dev/null) == "$wanted" ]]; then return; fi
    say "installing the operator"
    # A helm that was killed leaves a release that no helm would touch again.
    kubectl delete secret --namespace "$operator_namespace" --ignore-not-found \
        --selector "owner=helm,name=$release,status in (pending-install,pending-upgrade,pending-rollback)" >/dev/null
    if ! helm upgrade --install "$release" "$chart" "${values[@]}" --wait --timeout 3m >"$logs/helm.log" 2>&1; then
        tail -n 15 "$logs/helm.log" >&2
        kubectl get pods --namespace "$operator_namespace" >&2 || true
        kubectl logs --namespace "$operator_namespace" --selector "app.kubernetes.io/instance=$release" --tail=15 >&2 || true
        die "the operator could not be installed; helm's output is in $logs/helm.log"
    fi
    mkdir -p "$applied"
    printf '%s\n' "$wanted" >"$applied/operator"
}

# platform_manifest: the CoursePlatform of this cluster. kind has a real MongoDB.
platform_manifest() {
    sed "s/EXTERNAL_PORT/$port/" "$cluster_dir/platform/courseplatform.yaml" |
        if kind_chosen; then sed '/^  servers:/,/^    mongodb:/d'; else cat; fi
}

platform() {
    apply_changed namespace <"$cluster_dir/platform/namespace.yaml"
    apply_changed operator-namespace <"$cluster_dir/platform/operator-namespace.yaml"
    kind_chosen || apply_changed ferretdb <"$cluster_dir/platform/ferretdb.yaml"
    platform_operator
    images_roll
    # Somebody may have deleted it since.
    platform_is_there || rm -f "$applied/courseplatform"
    platform_manifest | apply_changed courseplatform
}

platform_is_there() {
    [[ -n $(kubectl get courseplatform --namespace "$platform_namespace" --ignore-not-found --output name "$platform_name") ]]
}

# platform_get TEMPLATE: a jsonpath of the CoursePlatform.
platform_get() {
    kubectl get courseplatform --namespace "$platform_namespace" "$platform_name" -o jsonpath="$1"
}

# platform_fields: what platform_awaited looks at, one field a line each. Messages
# of the operator have no line breaks.
platform_fields() {
    local ready='.status.conditions[?(@.type=="Ready")]' wrong='.status.conditions[?(@.status=="False")]'
    local newline='{"\n"}'
    platform_get "{.metadata.generation}$newline{.status.observedGeneration}$newline{$ready.status}$newline\
{$ready.reason}: {$ready.message}$newline\
{range .status.servers[*]}{.name}={.state} {end}{range .status.components[*]}{.name}={.state} {end}$newline\
{range $wrong}{.type}={.message}; {end}$newline\
{range .status.problems[*]}{.component} ({.pod}): {.reason} {.message}; {end}$newline"
}

# platform_awaited: what is not ready, in words. Nothing when Ready is true for
# the specification as it is now.
platform_awaited() {
    local text generation observed ready reason parts wrong problems
    text=$(platform_fields)
    {
        read -r generation && read -r observed && read -r ready && read -r reason && read -r parts &&
            read -r wrong && read -r problems
    } <<<"$text"$'\n\n\n' || true
    if [[ -z $observed || $observed != "$generation" ]]; then
        printf 'the operator to see the platform\n'
        return
    fi
    [[ $ready != True ]] || return 0
    parts=$(tr ' ' '\n' <<<"$parts" | sed -n '/=Ready$/d; s/\(.*\)=\(.*\)/\1 (\2)/p' | paste -sd, | sed 's/,/, /g')
    printf '%s' "${parts:-$reason}"
    # What the operator could not do, beside what is on its way.
    if [[ $wrong == *Reconciled=* ]]; then printf '. Not applied: %s' "$(sed 's/.*Reconciled=//; s/; [A-Z][A-Za-z]*=.*//' <<<"$wrong")"; fi
    printf '%s%s\n' "${problems:+. Problems: }" "$problems"
}

# platform_failed_jobs shows the last words of Jobs that have given up.
platform_failed_jobs() {
    local job
    while read -r job; do
        printf -- '--- the last words of Job %s:\n' "$job"
        kubectl logs --namespace "$platform_namespace" "job/$job" --tail=5 2>&1
    done < <(kubectl get jobs --namespace "$platform_namespace" \
        -o jsonpath='{range .items[?(@.status.failed)]}{.metadata.name}{"\n"}{end}')
}

# platform_wait follows the platform until it is ready, and says what it awaits
# each time that changes. A failed Job is not waited for: it needs a person.
platform_wait() {
    local awaited said='' since=$SECONDS limit=$((SECONDS + 600))
    while true; do
        if ! awaited=$(platform_awaited 2>&1); then awaited="the API: $awaited"; fi
        [[ -n $awaited ]] || break
        if [[ $awaited != "$said" ]]; then
            say "waiting for $awaited"
            said=$awaited
            since=$SECONDS
        fi
        if ((SECONDS >= limit)) || { [[ $awaited == *Failed\)* ]] && ((SECONDS - since > 20)); }; then
            kubectl get pods --namespace "$platform_namespace" >&2 || true
            platform_failed_jobs >&2 || true
            die "the platform does not become ready; see make status and make logs"
        fi
        sleep 0.5
    done
}

# platform_environment writes .run/env, by which other programs find the platform.
platform_environment() {
    local secret email='' password=''
    secret=$(platform_get '{.status.adminSecret}')
    if [[ -n $secret ]]; then
        email=$(platform_secret "$secret" email)
        password=$(platform_secret "$secret" password)
    fi
    (umask 077 && write "$run/env") <<ENV
BASE_URL=http://localhost:$port
KUBECONFIG=$kubeconfig
NAMESPACE=$platform_namespace
ADMIN_EMAIL=$email
ADMIN_PASSWORD=$password
ENV
}

platform_secret() {
    kubectl get secret --namespace "$platform_namespace" "$1" -o jsonpath="{.data.$2}" | base64 -d
}
