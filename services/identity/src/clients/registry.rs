//! Clients and scopes in the form that requests use. No I/O.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use platform_components::{ClientType, ClientsFile, Grant, Role, Subject};
use url::Url;

use super::assertion::AssertionKey;
use crate::oauth::{Hash, Scopes};

/// Why a clients file that is well formed can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// It breaks a rule of the format.
    #[error(transparent)]
    Rule(#[from] platform_components::ClientsError),
    /// A key that nobody can be checked with.
    #[error("client {client:?}: jwks: {reason}")]
    Key { client: String, reason: &'static str },
}

/// A scope.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) audience: String,
    /// Whether a token of a user, or of a client for itself, may have it.
    pub(crate) subject: Subject,
    /// What the user must be.
    pub(crate) role: Option<Role>,
    /// Whether clients of others may have it.
    pub(crate) third_party: bool,
}

/// A client.
pub(crate) struct Client {
    pub(crate) id: String,
    /// What people see.
    pub(crate) title: String,
    pub(crate) public: bool,
    pub(super) secrets: Vec<Hash>,
    pub(super) keys: Vec<AssertionKey>,
    pub(crate) grants: BTreeSet<Grant>,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    /// What it may ask for.
    pub(crate) scopes: Scopes,
    /// Whether it belongs to the platform: no consent is asked.
    pub(crate) first_party: bool,
}

impl Client {
    pub(crate) fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Whether an authorization response may go to `uri`: compared as text (RFC 9700 §4.1.3), but for the port
    /// of a native app's address on the loopback interface (RFC 8252 §7.3).
    pub(crate) fn redirects_to(&self, uri: &str) -> bool {
        let exact = self.redirect_uris.iter().any(|registered| registered == uri);
        exact || (self.public && self.redirect_uris.iter().any(|it| same_but_for_the_port(it, uri)))
    }

    /// Whether a browser may go to `uri` after it has signed out: compared as text (RP-Initiated Logout §3).
    pub(crate) fn returns_to(&self, uri: &str) -> bool {
        self.post_logout_redirect_uris.iter().any(|registered| registered == uri)
    }
}

/// Both are the same address on the loopback interface, by number, on whatever port.
fn same_but_for_the_port(registered: &str, asked: &str) -> bool {
    let parts = |uri: &str| -> Option<(&'static str, String)> {
        let host = ["http://127.0.0.1", "http://[::1]"].into_iter().find(|host| uri.starts_with(host))?;
        let rest = &uri[host.len()..];
        let path = match rest.strip_prefix(':') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let _port: u16 = rest[..digits].parse().ok().filter(|port| *port > 0)?;
                &rest[digits..]
            }
            None => rest,
        };
        (path.is_empty() || path.starts_with(['/', '?'])).then(|| (host, path.to_owned()))
    };
    parts(registered).is_some_and(|registered| parts(asked) == Some(registered))
}

/// Every client and every scope. Never changed: a new file makes a new one.
#[derive(Default)]
pub(crate) struct Registry {
    clients: HashMap<String, Arc<Client>>,
    scopes: HashMap<String, Scope>,
    /// Scopes in the order of the file.
    names: Vec<String>,
}

impl Registry {
    /// What a file says.
    pub(crate) fn new(file: ClientsFile) -> Result<Self, RegistryError> {
        file.check()?;
        let mut registry = Self::default();
        for scope in file.scopes {
            registry.names.push(scope.name.clone());
            let entry = Scope {
                audience: scope.audience,
                subject: scope.subject,
                role: scope.role,
                third_party: scope.third_party,
            };
            registry.scopes.insert(scope.name, entry);
        }
        for client in file.clients {
            let wrong = |reason| RegistryError::Key { client: client.id.clone(), reason };
            let keys = client.jwks.as_ref().map_or(Ok(Vec::new()), AssertionKey::all).map_err(wrong)?;
            let entry = Client {
                title: client.title().to_owned(),
                public: client.kind == ClientType::Public,
                secrets: client.secret_sha256.iter().filter_map(|text| hash(text)).collect(),
                keys,
                grants: client.grants.iter().copied().collect(),
                redirect_uris: client.redirect_uris,
                post_logout_redirect_uris: client.post_logout_redirect_uris,
                scopes: client.scopes.iter().map(String::as_str).collect(),
                first_party: client.first_party,
                id: client.id.clone(),
            };
            registry.clients.insert(client.id, Arc::new(entry));
        }
        Ok(registry)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    pub(crate) fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.clients.keys().map(String::as_str)
    }

    pub(crate) fn scope(&self, name: &str) -> Option<&Scope> {
        self.scopes.get(name)
    }

    /// Every scope's name, in the order of the file.
    pub(crate) fn scope_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(crate) fn is_audience(&self, audience: &str) -> bool {
        self.scopes.values().any(|scope| scope.audience == audience)
    }

    /// The origin that an authorization response to this address goes to, for a page's `form-action`: browsers
    /// apply it to the whole chain of redirects. `None` for an app's own scheme, which has no origin.
    pub(crate) fn redirect_origin(&self, client_id: &str, redirect_uri: &str) -> Option<String> {
        let client = self.client(client_id).filter(|client| client.redirects_to(redirect_uri))?;
        debug_assert!(!client.id.is_empty());
        let url = Url::parse(redirect_uri).ok()?;
        match url.scheme() {
            "http" | "https" => Some(url.origin().ascii_serialization()),
            // A source of a scheme alone is what CSP has for these.
            scheme => Some(format!("{scheme}:")),
        }
    }
}

fn hash(text: &str) -> Option<Hash> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut hash = Hash::default();
    let pairs = text.as_bytes().chunks_exact(2);
    if pairs.len() != hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        let registered = "http://127.0.0.1/cb?a=1";
        for same in ["http://127.0.0.1/cb?a=1", "http://127.0.0.1:1/cb?a=1", "http://127.0.0.1:65535/cb?a=1"]
        {
            assert!(same_but_for_the_port(registered, same), "{same}");
        }
        for other in [
            "http://127.0.0.1:0/cb?a=1",
            "http://127.0.0.1:65536/cb?a=1",
            "http://127.0.0.1:/cb?a=1",
            "http://127.0.0.1:1@evil.example/cb?a=1",
            "http://127.0.0.1.evil.example/cb?a=1",
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/CB?a=1",
            "http://127.0.0.1:1/cb/?a=1",
            "http://localhost:1/cb?a=1",
            "https://127.0.0.1:1/cb?a=1",
            "http://[::1]:1/cb?a=1",
        ] {
            assert!(!same_but_for_the_port(registered, other), "{other}");
        }
        assert!(same_but_for_the_port("http://[::1]:7/cb", "http://[::1]:8/cb"));
        assert!(!same_but_for_the_port("https://a.example/cb", "https://a.example/cb"));
    }

    #[test]
    fn a_hash_is_read() {
        assert_eq!(hash(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(hash("0f"), None);
        assert_eq!(hash(&"0g".repeat(32)), None);
    }
}
