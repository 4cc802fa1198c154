//! CLIENTS_FILE, read again while running: a change is taken up without a restart, and a file that is wrong
//! changes nothing but what `/readyz` and the log say.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use platform_components::ClientsFile;
use platform_http::problem::Chain;
use platform_http::server::{CheckError, Dependency, Need};
use tokio_util::sync::CancellationToken;

use super::registry::{Client, Registry, RegistryError};
use crate::oauth::{Hash, Parameters, sha256};

/// How often the file is looked at.
const POLL: Duration = Duration::from_secs(2);
/// More than any platform's clients need; a larger file is the wrong file.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("can't read it")]
    Unreadable(#[from] std::io::Error),
    #[error("it is larger than 4 MiB")]
    TooLarge,
    #[error("it is not a clients file")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// The path of the file. It is checked when parsed, so that a wrong one is told at start.
#[derive(Clone)]
pub struct ClientsPath(PathBuf);

impl ClientsPath {
    fn read(&self) -> Result<(Hash, Registry), FileError> {
        if std::fs::metadata(&self.0)?.len() > LARGEST_FILE {
            return Err(FileError::TooLarge);
        }
        let bytes = std::fs::read(&self.0)?;
        let file: ClientsFile = serde_json::from_slice(&bytes)?;
        Ok((sha256(&bytes), Registry::new(file)?))
    }

    fn content(&self) -> Option<Hash> {
        std::fs::read(&self.0).ok().map(|bytes| sha256(&bytes))
    }
}

impl FromStr for ClientsPath {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        if path.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let file = Self(PathBuf::from(path));
        file.read().map_err(|error| format!("{path}: {}", Chain(&error)))?;
        Ok(file)
    }
}

impl fmt::Debug for ClientsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientsPath({})", self.0.display())
    }
}

/// What is known of the file.
#[derive(Default)]
struct State {
    /// Of the last good file.
    registry: Arc<Registry>,
    /// What was looked at last, good or not.
    content: Option<Hash>,
    /// What is wrong with the file now.
    fault: Option<String>,
}

/// The clients as they are now. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Clients(Arc<Inner>);

struct Inner {
    path: Option<ClientsPath>,
    state: RwLock<State>,
}

impl Clients {
    /// Without a path there are no clients. A file that broke since the settings were parsed is told by
    /// `/readyz`.
    pub(crate) fn new(path: Option<ClientsPath>) -> Self {
        let clients = Self(Arc::new(Inner { path, state: RwLock::default() }));
        clients.refresh();
        clients
    }

    /// What the last good file says.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.read().registry)
    }

    /// The client with this id.
    pub(crate) fn client(&self, id: &str) -> Option<Arc<Client>> {
        self.read().registry.client(id).cloned()
    }

    /// Whether what is known is what the file says now: only then may anything be ended because its client is
    /// not there.
    pub(crate) fn is_current(&self) -> bool {
        self.0.path.is_some() && self.read().fault.is_none()
    }

    /// The origin that signing in for `continue_to` (a path of ours with its query) ends at, for the page's
    /// `form-action`. `None` when it leads nowhere else.
    pub(crate) fn redirect_origin(&self, continue_to: &str) -> Option<String> {
        let (path, query) = continue_to.split_once('?')?;
        if path != crate::authorize::PATH {
            return None;
        }
        let parameters = Parameters::parse(query.as_bytes()).ok()?;
        let redirect_uri = parameters.required("redirect_uri").ok()?;
        self.registry().redirect_origin(parameters.required("client_id").ok()?, redirect_uri)
    }

    /// The dependency `clients-file`: soft, since the last good one is used on.
    pub(crate) fn dependency(&self) -> Dependency {
        let clients = self.clone();
        Dependency::new("clients-file", Need::Soft, move || {
            let fault = clients.read().fault.clone();
            async move { fault.map_or(Ok(()), |fault| Err(CheckError(fault))) }
        })
    }

    /// Looks at the file until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => return,
            }
            let clients = self.clone();
            // Files have no other way to be read without holding up requests.
            drop(tokio::task::spawn_blocking(move || clients.refresh()).await);
        }
    }

    fn refresh(&self) {
        let Some(path) = &self.0.path else { return };
        let content = path.content();
        if content.is_some() && content == self.read().content {
            return;
        }
        let read = path.read();
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok((content, registry)) => {
                tracing::info!(clients = registry.client_ids().count(), "took up the clients file");
                *state = State { registry: Arc::new(registry), content: Some(content), fault: None };
            }
            Err(error) => {
                let fault = Chain(&error).to_string();
                if state.fault.as_ref() != Some(&fault) {
                    tracing::error!(error = fault, "the clients file can't be used; the last good one is");
                }
                state.content = content;
                state.fault = Some(fault);
            }
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"version":1,"scopes":[],"clients":[
        {"id":"mobile","type":"public","grants":["authorization_code"],"scopes":[],
         "redirectUris":["app://cb","https://a.example:8443/cb"]}]}"#;

    #[test]
    fn a_new_file_is_taken_up_and_a_broken_one_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), ONE).unwrap();
        let clients = Clients::new(Some(file.path().to_str().unwrap().parse().unwrap()));
        assert!(clients.client("mobile").is_some() && clients.is_current());

        for broken in ["", "{}", r#"{"version":2,"scopes":[],"clients":[]}"#] {
            std::fs::write(file.path(), broken).unwrap();
            clients.refresh();
            assert!(clients.client("mobile").is_some() && !clients.is_current(), "{broken}");
        }
        std::fs::write(file.path(), ONE.replace("mobile", "tablet")).unwrap();
        clients.refresh();
        assert!(clients.client("mobile").is_none() && clients.client("tablet").is_some());
        assert!(clients.is_current());
    }

    #[test]
    fn a_sign_in_page_learns_where_its_form_may_lead_only_for_registered_addresses() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), ONE).unwrap();
        let clients = Clients::new(Some(file.path().to_str().unwrap().parse().unwrap()));
        let origin = |uri: &str| {
            clients.redirect_origin(&format!("/identity/authorize?client_id=mobile&redirect_uri={uri}"))
        };
        assert_eq!(origin("https%3A%2F%2Fa.example%3A8443%2Fcb").as_deref(), Some("https://a.example:8443"));
        assert_eq!(origin("app%3A%2F%2Fcb").as_deref(), Some("app:"));
        assert_eq!(origin("https%3A%2F%2Fevil.example%2Fcb"), None);
        assert_eq!(clients.redirect_origin("/identity/account"), None);
    }
}
