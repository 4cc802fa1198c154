//! Accounts on a server that speaks MongoDB's protocol: a user for each login, in the database that it
//! may read and write. Databases themselves come into being with their first document.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, Credential, ServerAddress, Tls, TlsOptions};
use mongodb::{Client, Database};
use platform_components::provision::{DatabasesPlan, LoginPlan};

use super::{ProvisionError, checked, wait};
use crate::connection::{Connection, secret};

/// `UserNotFound` and `DuplicateKey`-like answers that only say what somebody else has just done.
const USER_ALREADY_EXISTS: i32 = 51003;

pub(super) async fn provision(plan: &DatabasesPlan, patience: Duration) -> Result<(), ProvisionError> {
    let connection = Connection::read(&plan.connection)?;
    // The driver wants certificates as a file; this one goes away with the program.
    let ca = match &connection.ca {
        Some(pem) => Some(CaFile::write(pem).map_err(|error| failed("the CA file")(Error::from(error)))?),
        None => None,
    };
    let options = options(&connection, ca.as_ref()).await.map_err(failed("the connection"))?;
    let client = Client::with_options(options).map_err(failed("the connection"))?;
    let refused = |error: &Error| matches!(*error.kind, ErrorKind::Authentication { .. });
    wait::until_it_answers("MongoDB", patience, refused, async || {
        client.database("admin").run_command(doc! {"ping": 1}).await
    })
    .await?;
    for database in &plan.databases {
        let name = checked(&database.name)?;
        for login in &database.logins {
            user(&client.database(name), login).await?;
        }
    }
    Ok(())
}

async fn options(connection: &Connection, ca: Option<&CaFile>) -> Result<ClientOptions, Error> {
    let mut options = match &connection.uri {
        Some(uri) => ClientOptions::parse(uri.as_str()).await?,
        None => ClientOptions::builder()
            .hosts(vec![ServerAddress::Tcp {
                host: connection.host.clone(),
                port: Some(connection.port_or(27017)),
            }])
            .build(),
    };
    if connection.uri.is_none() && !connection.username.is_empty() {
        let password = connection.password.to_string();
        let credential =
            Credential::builder().username(connection.username.clone()).password(password).build();
        options.credential = Some(credential);
    }
    if let Some(ca) = ca {
        options.tls = Some(Tls::Enabled(TlsOptions::builder().ca_file_path(ca.0.clone()).build()));
    }
    options.app_name = Some("courseplatform-admin".to_owned());
    options.server_selection_timeout = Some(Duration::from_secs(3));
    Ok(options)
}

async fn user(database: &Database, login: &LoginPlan) -> Result<(), ProvisionError> {
    let name = checked(&login.name)?;
    let password = secret(&login.password_file)?;
    let roles = [doc! {"role": "readWrite", "db": database.name()}];
    let found = database.run_command(doc! {"usersInfo": name}).await.map_err(failed("looking for a user"))?;
    let exists = found.get_array("users").is_ok_and(|users| !users.is_empty());
    let command = |verb: &str| -> Document {
        doc! {verb: name, "pwd": password.as_str(), "roles": roles.to_vec()}
    };
    let made = if exists {
        database.run_command(command("updateUser")).await
    } else {
        tracing::info!(user = name, "makes the user");
        database.run_command(command("createUser")).await
    };
    match made {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(USER_ALREADY_EXISTS) => {
            database.run_command(command("updateUser")).await.map(drop).map_err(failed("setting a user"))
        }
        Err(error) => Err(failed("making a user")(error)),
    }
}

/// A CA bundle in a file of its own.
struct CaFile(std::path::PathBuf);

impl CaFile {
    fn write(pem: &[u8]) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("mongodb-ca-{}.pem", std::process::id()));
        std::fs::write(&path, pem)?;
        Ok(Self(path))
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the copy of the CA bundle stays");
        }
    }
}

fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}

fn failed(what: &str) -> impl FnOnce(Error) -> ProvisionError {
    let what = what.to_owned();
    move |source| ProvisionError::Mongo { what, source: Box::new(source) }
}
