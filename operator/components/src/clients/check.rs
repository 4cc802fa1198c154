//! What a clients file must obey before anybody gets a token by it.

use std::collections::{BTreeMap, BTreeSet};

use super::redirect;
use super::{CLIENTS_VERSION, Client, ClientType, ClientsFile, Grant, ScopeEntry};
use crate::components;
use crate::scopes::{Role, Subject};

/// How many secrets of a client may be valid at once.
const MAX_SECRETS: usize = 4;
/// Longest name in characters.
const MAX_NAME: usize = 100;

/// Why a clients file can't be used. The text says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientsError {
    /// A format that this program doesn't know.
    #[error("version {0} is not known here; version {CLIENTS_VERSION} is")]
    Version(u32),
    /// A scope is wrong.
    #[error("scope {scope:?}: {reason}")]
    Scope {
        /// Its name.
        scope: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A client is wrong.
    #[error("client {client:?}: {field}: {reason}")]
    Client {
        /// Its id.
        client: String,
        /// The field that is wrong, as the file writes it.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// What is wrong with a client: the field as the file writes it, and the reason.
type Fault = (&'static str, String);

impl ClientsFile {
    /// Whether the file can be used as a whole: identity takes all of it or nothing.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ClientsError> {
        if self.version != CLIENTS_VERSION {
            return Err(ClientsError::Version(self.version));
        }
        let mut scopes = BTreeMap::new();
        for scope in &self.scopes {
            let wrong = |reason| ClientsError::Scope { scope: scope.name.clone(), reason };
            scope_entry(scope).map_err(wrong)?;
            if scopes.insert(scope.name.as_str(), scope).is_some() {
                return Err(wrong("stands twice"));
            }
        }
        let mut ids = BTreeSet::new();
        for client in &self.clients {
            let wrong = |(field, reason)| ClientsError::Client { client: client.id.clone(), field, reason };
            check(client, &scopes).map_err(wrong)?;
            if !ids.insert(client.id.as_str()) {
                return Err(wrong(("id", "stands twice".to_owned())));
            }
        }
        Ok(())
    }
}

impl Client {
    /// Whether the client can stand beside the built-in ones of this release: on its own it obeys
    /// [`ClientsFile::check`], and it takes neither their names nor what only they may do.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_extra(&self) -> Result<(), ClientsError> {
        let wrong = |(field, reason)| ClientsError::Client { client: self.id.clone(), field, reason };
        if components().iter().any(|component| component.name.as_str() == self.id) {
            return Err(wrong(("id", "is the name of a component".to_owned())));
        }
        if self.grants.contains(&Grant::TokenExchange) {
            return Err(wrong(("grants", "token exchange is the gateway's alone".to_owned())));
        }
        let table = super::scope_entries();
        let scopes: BTreeMap<&str, &ScopeEntry> =
            table.iter().map(|scope| (scope.name.as_str(), scope)).collect();
        check(self, &scopes).map_err(wrong)?;
        let system = |name: &&String| scopes[name.as_str()].subject == Subject::Service;
        match self.scopes.iter().find(system) {
            Some(name) => Err(wrong(("scopes", format!("{name} is for the platform's own components")))),
            None => Ok(()),
        }
    }
}

fn scope_entry(scope: &ScopeEntry) -> Result<(), &'static str> {
    // RFC 6749 §3.3 allows more; these are ours.
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if scope.name.is_empty() || scope.name.len() > 64 || !scope.name.bytes().all(allowed) {
        return Err("must have 1 to 64 of a-z, 0-9, dots, underscores and hyphens");
    }
    if !is_client_id(&scope.audience) {
        return Err("its audience must be the name of a component");
    }
    if scope.subject == Subject::Service && (scope.role.is_some() || scope.third_party) {
        return Err("is a system scope, which has neither a role nor other people's clients");
    }
    if scope.role == Some(Role::Admin) && scope.third_party {
        return Err("takes an admin, so it is never given to other people's clients");
    }
    if scope.role.is_some() && scope.subject != Subject::User {
        return Err("takes a role, so its subject must be a user");
    }
    Ok(())
}

/// Whether a text may be a client's id: `[a-z][a-z0-9-]{0,62}` and no UUID. A service's token has the
/// client's id for its subject, a user's token a UUID: neither can be taken for the other.
#[must_use]
pub fn is_client_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(allowed)
        && !is_uuid(text)
}

/// Whether a text is a UUID, with or without hyphens.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    (groups == [32] || groups == [8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn check(client: &Client, scopes: &BTreeMap<&str, &ScopeEntry>) -> Result<(), Fault> {
    if !is_client_id(&client.id) {
        return Err(("id", "must match [a-z][a-z0-9-]{0,62} and must not be a UUID".to_owned()));
    }
    if client.name.as_deref().is_some_and(|name| {
        name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control)
    }) {
        return Err(("name", format!("must have 1 to {MAX_NAME} characters and no control characters")));
    }
    authentication(client)?;
    grants(client)?;
    addresses(client)?;
    let mut seen = BTreeSet::new();
    for name in &client.scopes {
        let scope = scopes.get(name.as_str()).ok_or(("scopes", format!("{name:?} is no scope")))?;
        may_have(client, scope).map_err(|reason| ("scopes", format!("{name} {reason}")))?;
        if !seen.insert(name) {
            return Err(("scopes", format!("{name} stands twice")));
        }
    }
    Ok(())
}

/// How the client proves who it is.
fn authentication(client: &Client) -> Result<(), Fault> {
    let secrets = &client.secret_sha256;
    if client.kind == ClientType::Public {
        if !secrets.is_empty() {
            return Err((
                "secretSha256",
                "must be empty for a public client, which can't keep a secret".to_owned(),
            ));
        }
        if client.jwks.is_some() {
            return Err(("jwks", "must be absent for a public client, which can't keep a key".to_owned()));
        }
        return Ok(());
    }
    if secrets.is_empty() && client.jwks.is_none() {
        return Err((
            "secretSha256",
            "must have a hash, or `jwks` a key, for a confidential client".to_owned(),
        ));
    }
    if secrets.len() > MAX_SECRETS {
        return Err(("secretSha256", format!("must have at most {MAX_SECRETS} hashes")));
    }
    let hash = |text: &String| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if !secrets.iter().all(hash) {
        return Err(("secretSha256", "must have 64 lower-case hexadecimal digits each".to_owned()));
    }
    client
        .jwks
        .as_ref()
        .map_or(Ok(()), |keys| public_keys(keys).map_err(|reason| ("jwks", reason.to_owned())))
}

/// RFC 7517 §5, with at least one key and none that is secret.
fn public_keys(jwks: &serde_json::Value) -> Result<(), &'static str> {
    let keys =
        jwks.get("keys").and_then(|keys| keys.as_array()).ok_or("must be an object with an array `keys`")?;
    if keys.is_empty() || keys.len() > MAX_SECRETS {
        return Err("must have 1 to 4 keys");
    }
    for key in keys {
        let key = key.as_object().ok_or("must have objects for keys")?;
        // RFC 7518 §6: of elliptic curves and RSA; symmetric keys (`k`) are secrets.
        if !matches!(key.get("kty").and_then(|kty| kty.as_str()), Some("EC" | "RSA" | "OKP")) {
            return Err("must have keys of the types EC, RSA or OKP");
        }
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|secret| key.contains_key(*secret)) {
            return Err("must have no private key");
        }
    }
    Ok(())
}

fn grants(client: &Client) -> Result<(), Fault> {
    let grants: BTreeSet<Grant> = client.grants.iter().copied().collect();
    let wrong = |reason: &str| Err(("grants", reason.to_owned()));
    if grants.is_empty() {
        return wrong("must have at least one");
    }
    if grants.len() != client.grants.len() {
        return wrong("must have each only once");
    }
    // RFC 6749 §4.4: only confidential clients.
    if client.kind == ClientType::Public && grants.contains(&Grant::ClientCredentials) {
        return wrong("client_credentials takes a confidential client");
    }
    if grants.contains(&Grant::TokenExchange) && (client.kind == ClientType::Public || !client.first_party) {
        return wrong("token exchange takes a confidential first-party client");
    }
    if grants.contains(&Grant::RefreshToken) && !has_users(client) {
        return wrong("refresh_token takes authorization_code or password beside it");
    }
    Ok(())
}

/// Whether users sign in by the client.
fn has_users(client: &Client) -> bool {
    client.grants.iter().any(|grant| matches!(grant, Grant::AuthorizationCode | Grant::Password))
}

fn addresses(client: &Client) -> Result<(), Fault> {
    let redirects = client.grants.contains(&Grant::AuthorizationCode);
    if redirects && client.redirect_uris.is_empty() {
        return Err(("redirectUris", "must have at least one for authorization_code".to_owned()));
    }
    for (field, uris) in [
        ("redirectUris", &client.redirect_uris),
        ("postLogoutRedirectUris", &client.post_logout_redirect_uris),
    ] {
        if !redirects && !uris.is_empty() {
            return Err((field, "must be empty without authorization_code".to_owned()));
        }
        let mut seen = BTreeSet::new();
        for uri in uris {
            redirect::check(uri).map_err(|reason| (field, format!("{uri:?} {reason}")))?;
            if !seen.insert(uri) {
                return Err((field, format!("{uri:?} stands twice")));
            }
        }
    }
    Ok(())
}

/// Whether the client could ever be given the scope; who holds it in the end is decided by consent and
/// roles.
fn may_have(client: &Client, scope: &ScopeEntry) -> Result<(), &'static str> {
    let alone = client.grants.contains(&Grant::ClientCredentials);
    if !client.first_party && !scope.third_party {
        return Err("is for first-party clients only");
    }
    match scope.subject {
        Subject::Service if !alone => return Err("takes client_credentials"),
        Subject::User if !has_users(client) => return Err("takes authorization_code or password"),
        Subject::Any if !alone && !has_users(client) => return Err("takes a grant that gives tokens"),
        _ => {}
    }
    // FLOWS §1: never by password grant.
    if scope.role == Some(Role::Admin) && !client.grants.contains(&Grant::AuthorizationCode) {
        return Err("takes authorization_code");
    }
    Ok(())
}
