//! The feature *accounts*: who somebody is. `domain` holds the rules, `service` what can be done, `store` keeps
//! accounts in PostgreSQL or SQL Server. Tokens and pages read accounts through here; nothing else writes them.

mod api;
mod domain;
mod first_admin;
mod password;
mod service;
mod sign_in;
mod store;

pub(crate) use api::{State, refuse_ended, routes};
#[allow(unused_imports, reason = "for tokens")]
pub(crate) use domain::Roles;
pub(crate) use domain::{Account, Email, Unacceptable, city, name};
pub use first_admin::FirstAdminFile;
pub(crate) use password::{Hasher, Password, Words};
pub(crate) use service::{AccountError, Accounts, NewAccount, Rules, SignedUp};
pub(crate) use sign_in::{Attempt, SignIn, SignInError};
pub(crate) use store::{AccountStore, PostgresAccounts, SqlServerAccounts, StoreError};
