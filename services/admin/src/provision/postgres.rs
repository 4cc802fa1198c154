//! Databases on PostgreSQL (OPERATOR rule 5): an owner role that can't log in, and logins that are its
//! members and act as it from the start of a session, so that what one creates the other may use.

use std::time::Duration;

use platform_components::provision::{DatabasePlan, DatabasesPlan, LoginPlan};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::{ProvisionError, checked, scram, wait};
use crate::connection::{Connection, secret};

/// Held while provisioning, so that two runs come one after the other. Any number that only we use.
const LOCK: i64 = 0x636f_7572_7365_7061;

/// What another run may have made between our look and our statement.
const ALREADY_THERE: [&str; 2] = ["42710" /* duplicate_object */, "42P04" /* duplicate_database */];

pub(super) async fn provision(plan: &DatabasesPlan, patience: Duration) -> Result<(), ProvisionError> {
    let connection = Connection::read(&plan.connection)?;
    let options = options(&connection);
    // A wrong password stays wrong; everything else may be a server that starts.
    let refused = |error: &sqlx::Error| sql_state(error).is_some_and(|state| state.starts_with("28"));
    let mut session =
        wait::until_it_answers("PostgreSQL", patience, refused, async || options.connect().await).await?;
    let session = &mut session;
    run(session, "taking the lock", format!("SELECT pg_advisory_lock({LOCK})")).await?;
    let admin = Admin::of(session).await?;
    for database in &plan.databases {
        admin.database(session, database).await?;
    }
    run(session, "giving the lock back", format!("SELECT pg_advisory_unlock({LOCK})")).await
}

fn options(connection: &Connection) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&connection.host)
        .port(connection.port_or(5432))
        .username(&connection.username)
        .password(&connection.password)
        .database("postgres")
        .application_name("courseplatform-admin")
        // Statements carry stored forms of passwords.
        .log_statements(tracing::log::LevelFilter::Off);
    match &connection.ca {
        Some(pem) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(pem.clone()),
        None => options.ssl_mode(PgSslMode::Prefer),
    }
}

/// What the administrator may do.
struct Admin {
    /// Superusers see stored passwords and need no membership.
    superuser: bool,
}

impl Admin {
    async fn of(session: &mut PgConnection) -> Result<Self, ProvisionError> {
        let superuser = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            .fetch_one(session)
            .await
            .map_err(failed("looking at the administrator"))?;
        Ok(Self { superuser })
    }

    async fn database(&self, session: &mut PgConnection, plan: &DatabasePlan) -> Result<(), ProvisionError> {
        let (name, owner) = (checked(&plan.name)?, checked(&plan.owner)?);
        if !role_exists(session, owner).await? {
            run(session, "making the owner", format!("CREATE ROLE {owner} NOLOGIN")).await?;
            tracing::info!(role = owner, "made the owner role");
        }
        if !self.superuser {
            // Only a member may give a database to a role.
            run(session, "joining the owner", format!("GRANT {owner} TO CURRENT_USER")).await?;
        }
        for login in &plan.logins {
            self.login(session, owner, login).await?;
        }
        if !database_exists(session, name).await? {
            // template0: whatever an administrator put into template1 is not ours to inherit.
            let statement =
                format!("CREATE DATABASE {name} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0");
            run(session, "making the database", statement).await?;
            tracing::info!(database = name, "made the database");
        }
        let private = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC");
        run(session, "closing the database to others", private).await
    }

    async fn login(
        &self,
        session: &mut PgConnection,
        owner: &str,
        plan: &LoginPlan,
    ) -> Result<(), ProvisionError> {
        let name = checked(&plan.name)?;
        let password = secret(&plan.password_file)?;
        // SASLprep (RFC 4013) changes nothing in these, so the stored form is of the password itself.
        if !password.chars().all(|c| (' '..='~').contains(&c)) {
            return Err(ProvisionError::Password(name.to_owned()));
        }
        if !role_exists(session, name).await? {
            run(session, "making the login", format!("CREATE ROLE {name} LOGIN")).await?;
            tracing::info!(role = name, "made the login");
        }
        if !self.has_password(session, name, &password).await? {
            let stored = scram::verifier(&password);
            run(session, "setting the password", format!("ALTER ROLE {name} LOGIN PASSWORD '{stored}'"))
                .await?;
            tracing::info!(role = name, "set the password");
        }
        run(session, "joining the owner", format!("GRANT {owner} TO {name}")).await?;
        run(session, "acting as the owner", format!("ALTER ROLE {name} SET role TO {owner}")).await
    }

    /// Whether the login has this password already. Only superusers can tell; for others it is set again,
    /// which changes nothing that anybody could see.
    async fn has_password(
        &self,
        session: &mut PgConnection,
        name: &str,
        password: &str,
    ) -> Result<bool, ProvisionError> {
        if !self.superuser {
            return Ok(false);
        }
        let stored: Option<String> =
            sqlx::query_scalar("SELECT rolpassword FROM pg_authid WHERE rolname = $1")
                .bind(name)
                .fetch_one(session)
                .await
                .map_err(failed("looking at a login"))?;
        Ok(stored.is_some_and(|stored| scram::matches(&stored, password)))
    }
}

async fn role_exists(session: &mut PgConnection, name: &str) -> Result<bool, ProvisionError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(name)
        .fetch_one(session)
        .await
        .map_err(failed("looking for a role"))
}

async fn database_exists(session: &mut PgConnection, name: &str) -> Result<bool, ProvisionError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(session)
        .await
        .map_err(failed("looking for a database"))
}

/// Runs a statement made of checked names only.
async fn run(session: &mut PgConnection, what: &str, statement: String) -> Result<(), ProvisionError> {
    match session.execute(AssertSqlSafe(statement)).await {
        Ok(_) => Ok(()),
        Err(error) if sql_state(&error).is_some_and(|state| ALREADY_THERE.contains(&state.as_str())) => {
            Ok(())
        }
        Err(error) => Err(failed(what)(error)),
    }
}

fn failed(what: &str) -> impl FnOnce(sqlx::Error) -> ProvisionError {
    let what = what.to_owned();
    move |source| ProvisionError::Postgres { what, source }
}

fn sql_state(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}
