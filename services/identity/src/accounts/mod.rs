//! The feature *accounts*: who somebody is. `domain` holds the rules, `store` keeps accounts in PostgreSQL or
//! SQL Server. Tokens and pages read accounts through here; nothing else writes them.

mod domain;
mod store;

pub(crate) use domain::{Account, Roles};
pub(crate) use store::{AccountStore, PostgresAccounts, SqlServerAccounts, StoreError};
