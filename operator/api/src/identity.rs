//! `spec.identity` and `spec.mail`: accounts, who may sign people in, and how they are written to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Accounts, and the OAuth clients that people sign in to.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentitySpec {
    /// Whether people may make accounts for themselves. Open when absent; with Closed only an
    /// administrator makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_up: Option<SignUp>,
    /// The first administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_admin: Option<FirstAdminSpec>,
    /// Whether clients whose grants have password really get tokens by it. false when absent: a client
    /// that sees passwords is for migrations and tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_grant: Option<bool>,
    /// OAuth clients beside the platform's own components. A change is taken up while identity runs; a
    /// client that is removed loses its tokens and its Secret.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientSpec>,
}

/// Whether people may make accounts for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum SignUp {
    /// Anybody may.
    #[default]
    Open,
    /// Only administrators make accounts.
    Closed,
}

/// The first administrator. status.adminSecret names the Secret with the e-mail address and password.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstAdminSpec {
    /// The e-mail address to sign in with. When absent admin@ and the host; where that is a number or has
    /// no dot, admin@localhost.
    #[schemars(length(min = 3, max = 254), regex(pattern = r"^[^@\s]+@[^@\s]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name of a Secret whose key password is the first password. Generated when absent. It counts
    /// when the account is made; later changes are made by signing in.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<String>,
}

/// An OAuth client. For a confidential one without jwks a secret is made, in the Secret
/// <name>-client-<id>, keys client_id and client_secret.
// Rules about single fields stand with them; these are about two fields together.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type == 'confidential' || !self.grants.exists(grant, grant == 'client_credentials')")
        .message("a public client can't keep a secret, so it can't have the grant client_credentials"),
    validation = Rule::new("self.grants.exists(grant, grant == 'authorization_code') == (has(self.redirectUris) && size(self.redirectUris) > 0)")
        .message("redirectUris and the grant authorization_code need each other"),
    validation = Rule::new("!self.grants.exists(grant, grant == 'refresh_token') || self.grants.exists(grant, grant in ['authorization_code', 'password'])")
        .message("the grant refresh_token needs authorization_code or password beside it"),
    validation = Rule::new("!has(self.postLogoutRedirectUris) || size(self.postLogoutRedirectUris) == 0 || self.grants.exists(grant, grant == 'authorization_code')")
        .message("postLogoutRedirectUris need the grant authorization_code"),
    validation = Rule::new("self.type == 'confidential' || !has(self.jwks)")
        .message("a public client can't keep a key, so it can't have jwks"),
)]
pub struct ClientSpec {
    /// Its client_id. Not the name of a component, and not a UUID.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    #[x_kube(
        validation = Rule::new("!(self in ['identity', 'catalog', 'basket', 'discount', 'order', 'payment', 'photostock', 'gateway', 'web'])")
            .message("the names of components are their own ids"),
        validation = Rule::new("!self.matches('^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$')")
            .message("a UUID could be taken for a user"),
    )]
    pub id: String,
    /// What people read when they are asked for consent. The id when absent.
    #[schemars(length(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// confidential: it can keep a secret; public: it can't, such as an app or a page.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// The public keys by which a confidential client proves who it is (private_key_jwt). No secret is made
    /// then. Two keys at once are for replacing one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwksSpec>,
    /// How it may get tokens. password works only while passwordGrant is true.
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub grants: Vec<ClientGrant>,
    /// Where people come back to after signing in, compared letter by letter: https, http on localhost,
    /// 127.0.0.1 or [::1], or an app's own scheme.
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 1024), regex(pattern = r"^[a-z][a-z0-9+.-]*:/[^\s#*\\]*$"))
    )]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new(r"self.all(uri, !uri.startsWith('http:') || uri.matches('^http://(localhost|127[.]0[.]0[.]1|[[]::1[]])(:[0-9]+)?([/?]|$)'))")
            .message("http is only for localhost, 127.0.0.1 and [::1]"),
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// Where people may go after signing out; of the same forms as redirectUris.
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 1024), regex(pattern = r"^[a-z][a-z0-9+.-]*:/[^\s#*\\]*$"))
    )]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new(r"self.all(uri, !uri.startsWith('http:') || uri.matches('^http://(localhost|127[.]0[.]0[.]1|[[]::1[]])(:[0-9]+)?([/?]|$)'))")
            .message("http is only for localhost, 127.0.0.1 and [::1]"),
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// The scopes that it may ask for, such as openid or order.read.
    #[schemars(length(max = 64), inner(length(min = 1, max = 64), regex(pattern = "^[a-z][a-z0-9._-]*$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Whether it belongs to whoever runs the platform: nobody is asked for consent, and every scope of
    /// users is open to it. false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_party: Option<bool>,
}

/// Whether a client can keep a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// It can't.
    Public,
    /// It can.
    Confidential,
}

/// Public keys (RFC 7517 §5).
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JwksSpec {
    /// The keys.
    #[schemars(length(min = 1, max = 4))]
    pub keys: Vec<JwkSpec>,
}

/// A public key for signatures, in the members of RFC 7518 §6 and RFC 8037 §2.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.kty != 'EC' || (self.?crv.orValue('') == 'P-256' && has(self.x) && has(self.y))")
        .message("a key of kty EC needs crv P-256, x and y"),
    validation = Rule::new("self.kty != 'OKP' || (self.?crv.orValue('') == 'Ed25519' && has(self.x))")
        .message("a key of kty OKP needs crv Ed25519 and x"),
    validation = Rule::new("self.kty != 'RSA' || (!has(self.crv) && has(self.n) && has(self.e))")
        .message("a key of kty RSA needs n and e"),
)]
pub struct JwkSpec {
    /// Its type: EC, OKP or RSA.
    pub kty: KeyType,
    /// Its name, which assertions may name.
    #[schemars(length(min = 1, max = 255))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The only algorithm that it is used with; when absent, one that fits its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<KeyAlgorithm>,
    /// What it is for; sig, also when absent.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<KeyUse>,
    /// Its curve, P-256 or Ed25519.
    #[schemars(length(min = 1, max = 16))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// Where it is on its curve, in base64url.
    #[schemars(length(min = 43, max = 43), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Where it is on P-256, in base64url. In YAML its name needs quotes: "y".
    #[schemars(length(min = 43, max = 43), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The modulus of an RSA key of 2048 to 8192 bits, in base64url. In YAML its name needs quotes: "n".
    #[schemars(length(min = 342, max = 1366), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent of an RSA key, in base64url, such as AQAB.
    #[schemars(length(min = 1, max = 12), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[allow(missing_docs)] // the terms of RFC 7518 and RFC 8037
pub enum KeyType {
    EC,
    OKP,
    RSA,
}

/// An algorithm of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[allow(missing_docs)] // the terms of RFC 7518 and RFC 8037
pub enum KeyAlgorithm {
    ES256,
    PS256,
    RS256,
    EdDSA,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Signatures.
    Sig,
}

/// A way to get tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the terms of RFC 6749
pub enum ClientGrant {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
    Password,
}

/// How people are written to.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailSpec {
    /// A mail server. Without one, mails go to a folder of identity's pods and nobody gets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpSpec>,
}

/// A mail server.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.secretRef) || self.?tls.orValue('StartTLS') != 'None'")
    .message("secretRef needs tls StartTLS or Tls: the password would travel in the clear"))]
pub struct SmtpSpec {
    /// Its DNS name or address.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$"))]
    pub host: String,
    /// Its port. When absent 587, with tls Tls 465, with None 25.
    #[schemars(range(min = 1, max = 65535))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// How the connection is protected. StartTLS when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<SmtpTls>,
    /// Whom mails come from, such as shop@example.com.
    #[schemars(length(min = 3, max = 254), regex(pattern = r"^[^@\s]+@[^@\s]+$"))]
    pub from: String,
    /// The name of a Secret with the keys username and password, if the server asks for them, and ca.crt, if its
    /// certificate is of an authority of your own.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum SmtpTls {
    /// It begins in the clear and must change to TLS before anything is sent.
    #[default]
    StartTLS,
    /// TLS from the beginning.
    Tls,
    /// Not at all.
    None,
}
