//! The feature *keys*: `api` (the JWKS) → `keeper` (makes keys as `rotation` plans, keeps the set fresh) →
//! `domain` (what a key is) ← `store` (PostgreSQL or SQL Server), with private halves under the `keyring`.
//! Everybody else signs and verifies with `signer`'s `Keys`.

mod api;
mod domain;
mod keeper;
mod keyring;
mod rotation;
mod signer;
mod store;

pub(crate) use api::{State, routes};
pub(crate) use domain::KeyError;
pub(crate) use keeper::Keeper;
pub use keyring::KeyringFile;
pub(crate) use keyring::Sealed;
pub(crate) use rotation::{Occasion, Policy};
pub(crate) use signer::{Keys, Kind};
pub(crate) use store::{KeyStore, PostgresKeys, SqlServerKeys};
