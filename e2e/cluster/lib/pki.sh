# shellcheck shell=bash disable=SC2034,SC2154
# A certificate authority and what it signs: who may say what to whom in the
# cluster. Made once, kept in a folder. Sourced after common.sh.

# pki_authority DIR makes the authority and the key of service account tokens.
pki_authority() {
    mkdir -p "$1"
    chmod 0700 "$1"
    if [[ ! -s $1/ca.crt ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
            -subj "/CN=courseplatform-cluster" -keyout "$1/ca.key" -out "$1/ca.crt.new" 2>/dev/null
        mv "$1/ca.crt.new" "$1/ca.crt"
    fi
    # Aggregated APIs would be called by a proxy with a certificate of this one.
    # There are none, so its key is thrown away.
    if [[ ! -s $1/front-proxy.crt ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
            -subj "/CN=front-proxy" -keyout /dev/null -out "$1/front-proxy.crt.new" 2>/dev/null
        mv "$1/front-proxy.crt.new" "$1/front-proxy.crt"
    fi
    if [[ ! -s $1/service-accounts.pub ]]; then
        openssl ecparam -name prime256v1 -genkey -noout -out "$1/service-accounts.key"
        openssl ec -in "$1/service-accounts.key" -pubout -out "$1/service-accounts.pub.new" 2>/dev/null
        mv "$1/service-accounts.pub.new" "$1/service-accounts.pub"
    fi
}

# pki_certificate DIR NAME COMMON_NAME ORGANISATION [SUBJECT_ALT_NAMES]: a
# certificate for both sides of TLS. Kept unless one of these has changed.
pki_certificate() {
    local dir=$1 name=$2 wanted="$3 $4 ${5-}"
    if [[ -s $dir/$name.crt && $(cat "$dir/$name.for" 2>/dev/null) == "$wanted" ]]; then return; fi
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "${4:+/O=$4}/CN=$3" -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -days 3650 \
        -set_serial "0x$(openssl rand -hex 16)" -out "$dir/$name.crt.new" -extfile <(
            printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n'
            [[ -z ${5-} ]] || printf 'subjectAltName=%s\n' "$5"
        ) 2>/dev/null
    rm -f "$dir/$name.csr"
    mv "$dir/$name.crt.new" "$dir/$name.crt"
    printf '%s' "$wanted" >"$dir/$name.for"
}

# pki_kubeconfig DIR NAME SERVER FILE: a kubeconfig that speaks as NAME.
pki_kubeconfig() {
    local dir=$1 name=$2 server=$3
    write "$4" <<CONFIG
apiVersion: v1
kind: Config
clusters:
  - name: courseplatform
    cluster:
      server: $server
      certificate-authority-data: $(base64 -w0 "$dir/ca.crt")
users:
  - name: $name
    user:
      client-certificate-data: $(base64 -w0 "$dir/$name.crt")
      client-key-data: $(base64 -w0 "$dir/$name.key")
contexts:
  - name: courseplatform
    context: {cluster: courseplatform, user: $name}
current-context: courseplatform
CONFIG
    chmod 0600 "$4"
}
