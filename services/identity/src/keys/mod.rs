//! The feature *keys*: `api` (the JWKS) → `keeper` (makes the first key, keeps the set fresh) → `domain`
//! (what a key is) ← `store` (PostgreSQL or SQL Server), with private halves under the `keyring`.

mod api;
mod domain;
mod keeper;
mod keyring;
mod store;

pub(crate) use api::{State, routes};
pub(crate) use keeper::Keeper;
pub use keyring::KeyringFile;
pub(crate) use store::{KeyStore, PostgresKeys, SqlServerKeys};
