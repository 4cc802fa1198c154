//! Brings servers to what a plan wants. Every step looks first or says "if not there", so a plan can be
//! applied again at any time, also after being broken off in the middle, and two runs at once end alike.
//! Nothing is ever deleted here: what a plan no longer names may still hold data.

mod mongodb;
mod postgres;
pub mod rabbitmq;
mod redis;
mod scram;
mod wait;

use std::time::Duration;

use platform_components::provision::{PLAN_VERSION, ProvisionPlan};

use crate::connection::ConnectionError;

/// Why a plan couldn't be carried out. Never contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The plan is of another version.
    #[error("the plan has version {found}, this program knows version {PLAN_VERSION}")]
    Version {
        /// The plan's version.
        found: u32,
    },
    /// A file of a connection or a password can't be used.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A name that would have to be escaped; ours never do.
    #[error("{0:?} is no name for a database or an account: only a-z, 0-9 and _ are")]
    Name(String),
    /// A password that PostgreSQL would normalise first.
    #[error("the password of {0} has characters other than printable ASCII")]
    Password(String),
    /// The kind of server can't be provisioned.
    #[error("accounts on {0} can't be provisioned: give finished ones (provisioning: None)")]
    Unsupported(&'static str),
    /// A server didn't answer in time.
    #[error("{server} did not answer within {seconds} s: {last}")]
    NoAnswer {
        /// Which.
        server: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// What the last attempt failed with.
        last: String,
    },
    /// PostgreSQL refused something.
    #[error("PostgreSQL, {what}: {source}")]
    Postgres {
        /// What was being done.
        what: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// MongoDB refused something.
    #[error("MongoDB, {what}: {source}")]
    Mongo {
        /// What was being done.
        what: String,
        /// What it said.
        source: Box<::mongodb::error::Error>,
    },
    /// Redis refused something.
    #[error("Redis, {what}: {source}")]
    Redis {
        /// What was being done.
        what: String,
        /// What it said.
        source: ::redis::RedisError,
    },
    /// RabbitMQ refused something.
    #[error(transparent)]
    RabbitMq(#[from] rabbitmq::ManagementError),
}

/// Carries out a plan. `patience` is how long each server is waited for when it doesn't answer yet.
///
/// # Errors
/// At the first thing that can't be made; what was made before stays.
pub async fn provision(plan: &ProvisionPlan, patience: Duration) -> Result<(), ProvisionError> {
    if plan.version != PLAN_VERSION {
        return Err(ProvisionError::Version { found: plan.version });
    }
    if plan.sql_server.is_some() {
        return Err(ProvisionError::Unsupported("SQL Server"));
    }
    if let Some(plan) = &plan.postgres {
        postgres::provision(plan, patience).await?;
    }
    if let Some(plan) = &plan.mongodb {
        mongodb::provision(plan, patience).await?;
    }
    if let Some(plan) = &plan.redis {
        redis::provision(plan, patience).await?;
    }
    if let Some(plan) = &plan.rabbitmq {
        rabbitmq::provision(plan, patience).await?;
    }
    Ok(())
}

/// A name that is the same quoted and unquoted everywhere.
fn checked(name: &str) -> Result<&str, ProvisionError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.len() <= 63 && name.chars().all(plain) {
        Ok(name)
    } else {
        Err(ProvisionError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_need_quotes_is_refused() {
        assert!(checked("cp_0a1b2c3d_order_owner").is_ok());
        for name in ["", "Order", "x\"; drop database", &"a".repeat(64)] {
            assert!(checked(name).is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn a_plan_of_another_version_is_refused() {
        let plan = ProvisionPlan {
            version: 99,
            platform: "a/b".to_owned(),
            postgres: None,
            sql_server: None,
            mongodb: None,
            redis: None,
            rabbitmq: None,
        };
        let error = provision(&plan, Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("version 99"));
    }
}
