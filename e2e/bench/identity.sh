#!/usr/bin/env bash
# `make bench-identity`: our identity service and Keycloak on the same PostgreSQL, one after the other on one core,
# PostgreSQL and the load on the other, in rounds that alternate. Prints a table in Markdown. Needs the machine for
# itself, and installs what it needs: Keycloak's distribution comes from Maven Central.
#
#   ROUNDS=3 SECONDS_EACH=5 CONNECTIONS="4 16" KEYCLOAK=26.7.3 bash e2e/bench/identity.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release"
if [[ ${1-} != inside ]]; then
  cargo build --release --bin identity --bin courseplatform-load --bin courseplatform-local
  # Servers inherit the core: everything but the provider runs on the second one.
  exec taskset --cpu-list 1 "$programs/courseplatform-local" servers -- bash "$0" inside
fi

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-5}
connections=${CONNECTIONS:-4 16}
version=${KEYCLOAK:-26.7.3}
warm_up=${WARM_UP:-90}
place=$(mktemp -d)
processes=()
# shellcheck disable=SC2317 # called by the trap
finish() {
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$place"
}
trap finish EXIT

# The same for both: whoever measures one measures the other.
client=bench
LOAD_CLIENT_SECRET=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
LOAD_PASSWORD=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
export LOAD_CLIENT_SECRET LOAD_PASSWORD
user=load@bench.example

# database NAME: makes a database on the server of this run and prints its URL.
database() {
  psql --quiet --no-psqlrc "$TEST_POSTGRES_URL" --command "CREATE DATABASE $1" >/dev/null
  printf '%s/%s' "${TEST_POSTGRES_URL%/*}" "$1"
}

# until_ready SECONDS URL: waits, and prints how long it took in milliseconds.
until_ready() {
  local from deadline
  from=$(date +%s%N)
  deadline=$((SECONDS + $1))
  until curl --silent --fail --output /dev/null "$2"; do
    ((SECONDS < deadline)) || { echo "$2 does not answer" >&2; exit 1; }
    sleep 0.005
  done
  printf '%d' "$((($(date +%s%N) - from) / 1000000))"
}

resident_mb() { awk '/^VmRSS/ {printf "%.1f", $2 * 1024 / 1e6}' "/proc/$1/status"; }

# ── ours ──
start_ours() {
  database ours >"$place/database-url"
  head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$place/key"
  printf '{"current":"k1","keys":{"k1":"%s"}}' "$(cat "$place/key")" >"$place/keyring"
  local hash
  hash=$(printf '%s' "$LOAD_CLIENT_SECRET" | sha256sum | cut -d' ' -f1)
  cat >"$place/clients.json" <<JSON
{"version": 1,
 "scopes": [
  {"name": "openid", "audience": "identity", "subject": "user", "thirdParty": true},
  {"name": "offline_access", "audience": "identity", "subject": "user", "thirdParty": true},
  {"name": "basket.sys.read", "audience": "basket", "subject": "service"}],
 "clients": [
  {"id": "$client", "type": "confidential", "secretSha256": ["$hash"], "firstParty": true,
   "grants": ["client_credentials", "password", "refresh_token"],
   "scopes": ["openid", "offline_access", "basket.sys.read"]}]}
JSON
  export DATABASE_URL_FILE=$place/database-url KEYRING_FILE=$place/keyring CLIENTS_FILE=$place/clients.json
  export PUBLIC_URL=http://127.0.0.1:18101 LISTEN_ADDR=127.0.0.1:18101 ADMIN_ADDR=127.0.0.1:19101
  export PASSWORD_GRANT=true LOG_LEVEL=warn MAIL_DIR=$place/mail
  # No broker is measured here: events wait in the outbox.
  printf 'amqp://nobody:nothing@127.0.0.1:1/none' >"$place/amqp-url"
  export AMQP_URL_FILE=$place/amqp-url
  "$programs/identity" migrate >"$place/ours.log" 2>&1
  taskset --cpu-list 0 "$programs/identity" serve >>"$place/ours.log" 2>&1 &
  ours=$!
  processes+=("$ours")
  ours_start=$(until_ready 20 http://127.0.0.1:19101/readyz)
  curl --silent --show-error --fail --output /dev/null --header 'content-type: application/json' \
    --data "{\"email\": \"$user\", \"password\": \"$LOAD_PASSWORD\", \"name\": \"Load\", \"city\": \"İzmir\"}" \
    http://127.0.0.1:18101/identity/v1/accounts
  sleep 5
  ours_idle=$(resident_mb "$ours")
}

# ── Keycloak ──
start_keycloak() {
  local archive="$HOME/.m2/repository/org/keycloak/keycloak-quarkus-dist/$version/keycloak-quarkus-dist-$version.tar.gz"
  [[ -e $archive ]] ||
    mvn --quiet --batch-mode dependency:get -Dtransitive=false \
      -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:tar.gz"
  tar --extract --gzip --file "$archive" --directory "$place"
  local home="$place/keycloak-$version" url
  url=$(database keycloak)
  mkdir -p "$home/data/import"
  cat >"$home/data/import/bench.json" <<JSON
{"realm": "bench", "enabled": true, "sslRequired": "none", "accessTokenLifespan": 300,
 "bruteForceProtected": true,
 "clients": [{"clientId": "$client", "enabled": true, "protocol": "openid-connect", "publicClient": false,
   "secret": "$LOAD_CLIENT_SECRET", "serviceAccountsEnabled": true, "directAccessGrantsEnabled": true,
   "standardFlowEnabled": false, "attributes": {"access.token.signed.response.alg": "ES256"}}],
 "users": [{"username": "$user", "email": "$user", "emailVerified": true, "enabled": true,
   "firstName": "Load", "lastName": "Load",
   "credentials": [{"type": "password", "value": "$LOAD_PASSWORD"}]}]}
JSON
  local rest=${url#postgres://}
  local account=${rest%%@*} where=${rest#*@}
  export KC_DB=postgres KC_DB_USERNAME=${account%%:*} KC_DB_PASSWORD=${account#*:}
  [[ $account == *:* ]] || KC_DB_PASSWORD=''
  export KC_DB_URL="jdbc:postgresql://${where%%\?*}"
  export KC_HTTP_ENABLED=true KC_HTTP_HOST=127.0.0.1 KC_HTTP_PORT=18180 KC_HOSTNAME=http://127.0.0.1:18180
  export KC_CACHE=local KC_LOG_LEVEL=warn
  "$home/bin/kc.sh" build >"$place/keycloak.log" 2>&1
  taskset --cpu-list 0 "$home/bin/kc.sh" start --optimized --import-realm >>"$place/keycloak.log" 2>&1 &
  keycloak=$!
  processes+=("$keycloak")
  keycloak_start=$(until_ready 240 http://127.0.0.1:18180/realms/bench/.well-known/openid-configuration) ||
    { tail -n 40 "$place/keycloak.log" >&2; exit 1; }
  # kc.sh ends as the Java process (exec), so its id is the server's.
  sleep 5
  keycloak_idle=$(resident_mb "$keycloak")
}

# load WHOSE KIND CONNECTIONS [SECONDS]: one round; prints the load program's line.
load() {
  local base token introspection client_scope user_scope
  if [[ $1 == ours ]]; then
    base=http://127.0.0.1:18101/identity
    token=$base/token
    introspection=$base/introspect
    client_scope=basket.sys.read
    user_scope='openid offline_access'
  else
    base=http://127.0.0.1:18180/realms/bench/protocol/openid-connect
    token=$base/token
    introspection=$base/token/introspect
    client_scope=''
    user_scope=openid
  fi
  taskset --cpu-list 1 "$programs/courseplatform-load" "$2" --connections "$3" --seconds "${4:-$seconds}" \
    --token-url "$token" --introspection-url "$introspection" --client-id "$client" \
    --client-scope "$client_scope" --user-scope "$user_scope" --username "$user"
}

per_second() { sed -nE 's/.*"per_second":([0-9.]+).*/\1/p'; }

printf 'starting ours and Keycloak %s, then %s s of warming up\n' "$version" "$warm_up" >&2
start_ours
start_keycloak
for kind in client-credentials introspection refresh sign-in; do
  load keycloak "$kind" 16 "$((warm_up / 4))" >/dev/null
  load ours "$kind" 16 2 >/dev/null
done

printf '| request | connections | ours/s | Keycloak/s | ratio |\n|---|---:|---:|---:|---:|\n'
for kind in client-credentials introspection refresh sign-in; do
  for count in $connections; do
    best_ours=0 best_keycloak=0
    for ((round = 0; round < rounds; round++)); do
      # The idle one is stopped, so that it takes no time from the other.
      kill -STOP "$keycloak"
      got=$(load ours "$kind" "$count")
      printf '%s ours %s %s\n' "$kind" "$count" "$got" >&2
      best_ours=$(printf '%s\n%s\n' "$best_ours" "$(per_second <<<"$got")" | sort -g | tail -n 1)
      kill -CONT "$keycloak"
      kill -STOP "$ours"
      got=$(load keycloak "$kind" "$count")
      printf '%s keycloak %s %s\n' "$kind" "$count" "$got" >&2
      best_keycloak=$(printf '%s\n%s\n' "$best_keycloak" "$(per_second <<<"$got")" | sort -g | tail -n 1)
      kill -CONT "$ours"
    done
    awk -v k="$kind" -v c="$count" -v o="$best_ours" -v kc="$best_keycloak" \
      'BEGIN {printf "| %s | %s | %.0f | %.0f | %.1f |\n", k, c, o, kc, o / kc}'
  done
done
printf '\n| | ours | Keycloak |\n|---|---:|---:|\n'
printf '| first answer, ms | %s | %s |\n' "$ours_start" "$keycloak_start"
printf '| resident, idle, MB | %s | %s |\n' "$ours_idle" "$keycloak_idle"
printf '| resident, after load, MB | %s | %s |\n' "$(resident_mb "$ours")" "$(resident_mb "$keycloak")"
