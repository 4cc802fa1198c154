#!/usr/bin/env bash
# `make bench-identity`: our identity service and Keycloak on the same PostgreSQL, one after the other on one core,
# PostgreSQL and the load on the other, in rounds that alternate. Prints tables in Markdown. Needs the machine for
# itself for some 8 minutes, and installs what it needs: Keycloak's distribution comes from Maven Central.
#
#   ROUNDS=3 SECONDS_EACH=4 CONNECTIONS="4 16" WARM_UP=120 KEYCLOAK=26.7.3 bash e2e/bench/identity.sh
#   KEYCLOAK=none …                 # ours alone, for quick work
#   ALGORITHM=ES256 …               # what Keycloak signs with; RS256 unless told otherwise
#   PROGRAMS=folder …               # programs that are built already: identity, courseplatform-load, -local
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=${KEYCLOAK:-26.7.3}
if [[ ${1-} != inside ]]; then
  missing=()
  command -v psql >/dev/null || missing+=(postgresql-client)
  if [[ $version != none ]]; then
    command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
  fi
  if ((${#missing[@]})); then
    apt-get update --quiet=2
    apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null
  fi
  if [[ -z ${PROGRAMS-} ]]; then
    cargo build --release --bin identity --bin courseplatform-load --bin courseplatform-local
    export PROGRAMS="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release"
  fi
  # Servers inherit the core: everything but the provider runs on the second one.
  exec taskset --cpu-list 1 "$PROGRAMS/courseplatform-local" servers -- bash "$0" inside
fi

programs=$PROGRAMS
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-4}
connections=${CONNECTIONS:-4 16}
kinds=${KINDS:-client-credentials introspection refresh sign-in}
warm_up=${WARM_UP:-120}
algorithm=${ALGORITHM:-RS256}
place=$(mktemp -d)
processes=()
# shellcheck disable=SC2317 # called by the trap
finish() {
  for process in "${processes[@]}"; do kill -CONT "$process" 2>/dev/null || true; done
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
# One a connection: who tries many passwords of one account at a time looks like an attacker.
users=16
user() { printf 'load-%s@bench.example' "$1"; }

# database NAME: makes a database on the server of this run and prints its URL.
database() {
  psql --quiet --no-psqlrc "$TEST_POSTGRES_URL" --command "CREATE DATABASE $1" >/dev/null
  printf '%s/%s' "${TEST_POSTGRES_URL%/*}" "$1"
}

# until_answered SECONDS FROM URL: waits, and prints the milliseconds since FROM (date +%s%N).
until_answered() {
  local deadline
  deadline=$((SECONDS + $1))
  until curl --silent --fail --output /dev/null "$3"; do
    ((SECONDS < deadline)) || { echo "$3 does not answer" >&2; exit 1; }
    sleep 0.002
  done
  printf '%d' "$((($(date +%s%N) - $2) / 1000000))"
}

memory_mb() { awk -v key="$2:" '$1 == key {printf "%.1f", $2 * 1024 / 1e6}' "/proc/$1/status"; }

# ── ours ──
start_ours() {
  database ours >"$place/database-url"
  head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$place/key"
  printf '{"current":"k1","keys":{"k1":"%s"}}' "$(cat "$place/key")" >"$place/keyring"
  local hash number
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
  export PASSWORD_GRANT=true MAIL_DIR=$place/mail
  # No broker is measured here: events wait in the outbox.
  printf 'amqp://nobody:nothing@127.0.0.1:1/none' >"$place/amqp-url"
  export AMQP_URL_FILE=$place/amqp-url
  "$programs/identity" migrate >"$place/ours.log" 2>&1
  # The first start makes the key; the one that is measured has to read it.
  serve_ours
  for ((number = 0; number < users; number++)); do
    curl --silent --show-error --fail --output /dev/null --header 'content-type: application/json' --data \
      "{\"email\": \"$(user $number)\", \"password\": \"$LOAD_PASSWORD\", \"name\": \"Load\", \"city\": \"İzmir\"}" \
      http://127.0.0.1:18101/identity/v1/accounts
  done
  kill "$ours"
  wait "$ours" || true
  serve_ours
  sleep 5
  ours_idle=$(memory_mb "$ours" VmRSS)
}

serve_ours() {
  local from
  from=$(date +%s%N)
  taskset --cpu-list 0 "$programs/identity" serve >>"$place/ours.log" 2>&1 &
  ours=$!
  processes+=("$ours")
  ours_start=$(until_answered 20 "$from" http://127.0.0.1:18101/identity/jwks)
}

# ── Keycloak ──
start_keycloak() {
  local archive="$HOME/.m2/repository/org/keycloak/keycloak-quarkus-dist/$version/keycloak-quarkus-dist-$version.tar.gz"
  [[ -e $archive ]] ||
    mvn --quiet --batch-mode dependency:get -Dtransitive=false \
      -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:tar.gz"
  tar --extract --gzip --file "$archive" --directory "$place"
  local home="$place/keycloak-$version" url people='' number from
  url=$(database keycloak)
  for ((number = 0; number < users; number++)); do
    people+=${people:+,}"{\"username\": \"$(user $number)\", \"email\": \"$(user $number)\", \"emailVerified\": true,
      \"enabled\": true, \"firstName\": \"Load\", \"lastName\": \"Load\",
      \"credentials\": [{\"type\": \"password\", \"value\": \"$LOAD_PASSWORD\"}]}"
  done
  # It tells about a token only a client that is in the token's audience, hence the mapper.
  # Without being told otherwise it signs with RS256; ours with ES256 always.
  local attributes=''
  [[ $algorithm == RS256 ]] || attributes=",
    \"attributes\": {\"access.token.signed.response.alg\": \"$algorithm\",
                    \"id.token.signed.response.alg\": \"$algorithm\"}"
  mkdir -p "$home/data/import"
  cat >"$home/data/import/bench-realm.json" <<JSON
{"realm": "bench", "enabled": true, "sslRequired": "none", "accessTokenLifespan": 300,
 "bruteForceProtected": true,
 "clients": [{"clientId": "$client", "enabled": true, "protocol": "openid-connect", "publicClient": false,
   "secret": "$LOAD_CLIENT_SECRET", "serviceAccountsEnabled": true, "directAccessGrantsEnabled": true,
   "standardFlowEnabled": false,
   "protocolMappers": [{"name": "audience", "protocol": "openid-connect",
     "protocolMapper": "oidc-audience-mapper", "config": {"included.client.audience": "$client",
     "access.token.claim": "true", "introspection.token.claim": "true"}}]$attributes}],
 "users": [$people]}
JSON
  local rest=${url#postgres://}
  local account=${rest%%@*} where=${rest#*@}
  export KC_DB=postgres KC_DB_USERNAME=${account%%:*} KC_DB_PASSWORD=${account#*:}
  [[ $account == *:* ]] || KC_DB_PASSWORD=''
  export KC_DB_URL="jdbc:postgresql://${where%%\?*}"
  export KC_HTTP_ENABLED=true KC_HTTP_HOST=127.0.0.1 KC_HTTP_PORT=18180 KC_HOSTNAME=http://127.0.0.1:18180
  export KC_CACHE=local
  env -u LISTEN_ADDR "$home/bin/kc.sh" build >"$place/keycloak.log" 2>&1
  from=$(date +%s%N)
  taskset --cpu-list 0 "$home/bin/kc.sh" start --optimized --import-realm >>"$place/keycloak.log" 2>&1 &
  keycloak=$!
  processes+=("$keycloak")
  keycloak_start=$(until_answered 240 "$from" http://127.0.0.1:18180/realms/bench/.well-known/openid-configuration) ||
    { tail -n 40 "$place/keycloak.log" >&2; exit 1; }
  # The server is a child of kc.sh.
  keycloak=$(pgrep --parent "$keycloak" java)
  processes+=("$keycloak")
  sleep 5
  keycloak_idle=$(memory_mb "$keycloak" VmRSS)
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
  # Stopped, the other one takes no time.
  if [[ $1 == ours ]]; then pause "${keycloak-}"; else pause "$ours"; fi
  taskset --cpu-list 1 "$programs/courseplatform-load" "$2" --connections "$3" --seconds "${4:-$seconds}" \
    --token-url "$token" --introspection-url "$introspection" --client-id "$client" \
    --client-scope "$client_scope" --user-scope "$user_scope" --username "$(user '{}')"
  if [[ $1 == ours ]]; then resume "${keycloak-}"; else resume "$ours"; fi
}
pause() { [[ -z $1 ]] || kill -STOP "$1"; }
resume() { [[ -z $1 ]] || kill -CONT "$1"; }

# watched PROCESS: VmHWM will be the most memory that is resident from two seconds later on. Chains of refresh tokens
# begin with sign-ins, whose hashes are not to be counted with them.
watched() {
  (sleep 2 && echo 5 >"/proc/$1/clear_refs") 2>/dev/null &
  watching=$!
}

per_second() { sed -nE 's/.*"per_second":([0-9.]+).*/\1/p'; }
larger() { printf '%s\n%s\n' "$1" "$2" | sort -g | tail -n 1; }
# Failures are no throughput.
check() {
  grep -q '"failures":0,' <<<"$1" || { printf 'some requests failed: %s\n' "$1" >&2; tail -n 5 "$place"/*.log >&2; exit 1; }
}

printf '%s cores, %s, load average %s\n' "$(getconf _NPROCESSORS_ONLN)" "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" \
  "$(cut -d' ' -f1 /proc/loadavg)"
start_ours
if [[ $version != none ]]; then
  printf 'starting Keycloak %s, then %s s of warming up\n' "$version" "$warm_up" >&2
  start_keycloak
  for kind in $kinds; do check "$(load keycloak "$kind" 16 "$((warm_up / $(wc -w <<<"$kinds")))")"; done
fi
for kind in $kinds; do check "$(load ours "$kind" 16 1)"; done

printf '\n| request | connections | ours/s | Keycloak/s | ratio | ours, MB |\n|---|---:|---:|---:|---:|---:|\n'
for kind in $kinds; do
  for count in $connections; do
    best_ours=0 best_keycloak=0 memory=0
    for ((round = 0; round < rounds; round++)); do
      watched "$ours"
      got=$(load ours "$kind" "$count")
      wait "$watching" || true
      check "$got"
      memory=$(larger "$memory" "$(memory_mb "$ours" VmHWM)")
      printf '%s ours %s %s\n' "$kind" "$count" "$got" >&2
      best_ours=$(larger "$best_ours" "$(per_second <<<"$got")")
      [[ $version != none ]] || continue
      got=$(load keycloak "$kind" "$count")
      check "$got"
      printf '%s keycloak %s %s\n' "$kind" "$count" "$got" >&2
      best_keycloak=$(larger "$best_keycloak" "$(per_second <<<"$got")")
    done
    awk -v k="$kind" -v c="$count" -v o="$best_ours" -v kc="$best_keycloak" -v m="$memory" \
      'BEGIN {printf "| %s | %s | %.0f | %.0f | %.1f | %s |\n", k, c, o, kc, kc ? o / kc : 0, m}'
  done
done
pause "$ours"
pause "${keycloak-}"
best=0
for ((round = 0; round < rounds; round++)); do
  got=$(taskset --cpu-list 0 "$programs/courseplatform-load" hash --seconds "$seconds")
  best=$(larger "$best" "$(per_second <<<"$got")")
done
resume "$ours"
resume "${keycloak-}"
printf '\nArgon2id alone, 19 MiB and 2 passes on the same core: %s/s\n' "$best"
printf '\n| | ours | Keycloak |\n|---|---:|---:|\n'
printf '| first answer, ms | %s | %s |\n' "$ours_start" "${keycloak_start-}"
printf '| resident, idle, MB | %s | %s |\n' "$ours_idle" "${keycloak_idle-}"
sleep 5
printf '| resident, 5 s after load, MB | %s | %s |\n' "$(memory_mb "$ours" VmRSS)" \
  "$([[ -z ${keycloak-} ]] || memory_mb "$keycloak" VmRSS)"
