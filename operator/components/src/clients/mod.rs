//! The OAuth clients of a platform, and the versioned `clients.json` (`CLIENTS_FILE`) that tells identity
//! about them and about every scope. Whoever writes the file and identity, which reads it, share these
//! types and [`ClientsFile::check`]. The file holds hashes of secrets and never a secret.

mod built_in;
mod check;
mod redirect;

use serde::{Deserialize, Serialize};

pub use self::built_in::{built_in_clients, confidential_clients};
pub use self::check::{ClientsError, is_client_id};
use crate::scopes::{Role, Subject, scopes};

/// The version of the format that [`clients_file`] writes.
pub const CLIENTS_VERSION: u32 = 1;

/// The document in `CLIENTS_FILE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientsFile {
    /// The format's version; an identity refuses one that it does not know.
    pub version: u32,
    /// Every scope that tokens may carry.
    pub scopes: Vec<ScopeEntry>,
    /// Every client.
    pub clients: Vec<Client>,
}

/// A scope in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeEntry {
    /// Its name.
    pub name: String,
    /// The audience of tokens with it. A text, so that an older identity reads a newer table.
    pub audience: String,
    /// Who a token with it stands for.
    pub subject: Subject,
    /// The role that the user must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether clients that are not first-party may be given it, by consent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub third_party: bool,
}

/// A client in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// Its `client_id`: `[a-z][a-z0-9-]{0,62}`, never a UUID, so that it is never taken for a user.
    pub id: String,
    /// What the consent page calls it; absent: its id. See [`Client::title`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it can keep a secret.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// SHA-256 of the text of each valid secret, as 64 lower-case hexadecimal digits. Secrets are 256
    /// random bits, so a plain hash is enough; while one is replaced two are valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_sha256: Vec<String>,
    /// The public keys of a client that authenticates by `private_key_jwt` (RFC 7517): `{"keys": [...]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// How it may get tokens.
    pub grants: Vec<Grant>,
    /// Where an authorization response may go, compared as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after sign-out, compared as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
    /// Whether it belongs to the platform: no consent is asked, and more scopes are open to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_party: bool,
}

impl Client {
    /// What people see: its name, or its id where it has none.
    #[must_use]
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// It can't: an app on a phone, a page of JavaScript. PKCE protects it.
    Public,
    /// It can, and must authenticate.
    Confidential,
}

/// A way to get tokens, named as the parameter `grant_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// RFC 6749 §4.1, always with PKCE.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.3; only where the platform allows it.
    Password,
    /// RFC 8693.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl Grant {
    /// The value of `grant_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

/// The whole file: every scope, the built-in clients and `extra` ones, in the order of their ids.
///
/// `secrets` gives the hashes of a confidential built-in client's valid secrets; `extra` clients bring
/// their own. The same input gives the same file. Nothing is checked here: see [`ClientsFile::check`].
pub fn clients_file(
    public_url: &str,
    secrets: impl Fn(&str) -> Vec<String>,
    extra: impl IntoIterator<Item = Client>,
) -> ClientsFile {
    let mut clients = built_in_clients(public_url, secrets);
    clients.extend(extra);
    clients.sort_by(|a, b| a.id.cmp(&b.id));
    ClientsFile { version: CLIENTS_VERSION, scopes: scope_entries(), clients }
}

/// The scopes of this release, as the file writes them.
fn scope_entries() -> Vec<ScopeEntry> {
    scopes()
        .iter()
        .map(|scope| ScopeEntry {
            name: scope.name.to_owned(),
            audience: scope.audience.as_str().to_owned(),
            subject: scope.subject,
            role: scope.role,
            third_party: scope.third_party,
        })
        .collect()
}

/// The hash of a secret, as [`Client::secret_sha256`] holds it.
#[must_use]
pub fn secret_sha256(secret: &str) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write as _;
    Sha256::digest(secret).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
