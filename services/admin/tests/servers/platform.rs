//! A platform of a test's own: a namespace that nobody else has, and folders with connections and passwords.

use std::path::{Path, PathBuf};
use std::time::Duration;

use courseplatform_admin::provision::{ProvisionError, provision};
use platform_components::provision::{Account, ProvisionPlan, accounts, plan};
use platform_components::{Name, ServerKind, names};
use url::Url;

pub(crate) struct Platform {
    pub(crate) namespace: String,
    folder: tempfile::TempDir,
}

impl Platform {
    pub(crate) fn new() -> Self {
        let namespace = format!("test-{:016x}", rand::random::<u64>());
        let folder = tempfile::tempdir().unwrap();
        for account in accounts(|_, kind| kind) {
            let file = password_file(folder.path(), &account);
            std::fs::write(file, format!("{:032x}", rand::random::<u128>())).unwrap();
        }
        Self { namespace, folder }
    }

    /// The folder with a server's connection, made of files.
    pub(crate) fn connection(&self, kind: ServerKind, files: &[(&str, &str)]) {
        let folder = self.folder.path().join(kind.as_str());
        std::fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }

    pub(crate) fn folder(&self, kind: ServerKind) -> PathBuf {
        self.folder.path().join(kind.as_str())
    }

    /// The plan for the servers that have a connection.
    pub(crate) fn plan(&self) -> ProvisionPlan {
        let folder = self.folder.path();
        plan(
            &self.namespace,
            "demo",
            &accounts(|_, kind| kind),
            |kind| Some(folder.join(kind.as_str())).filter(|folder| folder.exists()),
            |account| password_file(folder, account),
        )
    }

    pub(crate) async fn provision(&self) -> Result<(), ProvisionError> {
        provision(&self.plan(), Duration::from_secs(20)).await
    }

    pub(crate) fn database(&self, component: Name) -> String {
        names::database_name(&self.namespace, "demo", component)
    }

    pub(crate) fn vhost(&self) -> String {
        names::platform_prefix(&self.namespace, "demo")
    }

    pub(crate) fn password(&self, component: Name, server: ServerKind) -> String {
        let account = Account { component, server, generation: 1 };
        std::fs::read_to_string(password_file(self.folder.path(), &account)).unwrap()
    }

    pub(crate) fn set_password(&self, component: Name, server: ServerKind, password: &str) {
        let account = Account { component, server, generation: 1 };
        std::fs::write(password_file(self.folder.path(), &account), password).unwrap();
    }
}

fn password_file(folder: &Path, account: &Account) -> PathBuf {
    folder.join(format!("password-{}-{}", account.component, account.server))
}

/// The address of a test server.
pub(crate) fn required(key: &str) -> Url {
    let text = std::env::var(key).unwrap_or_else(|_| panic!("{key} must name a test server"));
    text.parse().unwrap()
}
