//! The first administrator, whom nobody could have made an administrator.

use std::fmt;
use std::str::FromStr;

use platform_config::SecretFile;
use platform_service::StartError;
use serde::Deserialize;

use super::domain::Email;
use super::password::{Password, Words};
use super::service::{Accounts, FirstAdmin};

/// The path of a file with the first administrator's address and password. Checked when parsed.
#[derive(Clone)]
pub struct FirstAdminFile(SecretFile);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    email: &'a str,
    /// Borrowed from the text, which is wiped.
    password: &'a str,
}

impl FirstAdminFile {
    fn read(&self) -> Result<(Email, Password), String> {
        let text = self.0.read().map_err(|error| error.to_string())?;
        let document: Document<'_> = serde_json::from_str(&text)
            .map_err(|_| r#"is not {"email": "…", "password": "…"} without escapes"#.to_owned())?;
        let email = Email::parse(document.email).map_err(|error| format!("has an email that {error}"))?;
        let words = Words::of_platform("").and_of("", Some(&email));
        let password = Password::chosen(document.password, Some(&email), &words)
            .map_err(|error| format!("has a password that {error}"))?;
        Ok((email, password))
    }

    /// Makes the account unless there is or was an administrator: what its owner changed stays as it is.
    pub(crate) async fn make(&self, accounts: &Accounts) -> Result<(), StartError> {
        let (email, password) = self.read().map_err(|error| anyhow::anyhow!("FIRST_ADMIN_FILE: {error}"))?;
        match accounts.first_admin(&email, password).await? {
            FirstAdmin::Made => tracing::info!("made the first administrator's account"),
            FirstAdmin::Known => {}
            FirstAdmin::AddressTaken => tracing::error!(
                "there is no administrator, and the address in FIRST_ADMIN_FILE belongs to somebody who is none: \
                 put another address there and start again"
            ),
        }
        Ok(())
    }
}

impl FromStr for FirstAdminFile {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let file = Self(path.parse()?);
        file.read().map_err(|error| error.to_string())?;
        Ok(file)
    }
}

impl fmt::Debug for FirstAdminFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstAdminFile({})", self.0.path().display())
    }
}
