//! The feature *payments*: `api` (HTTP) → `process` (asking the provider) → `domain` (rules) ← `store`
//! (PostgreSQL), with every movement in the `ledger`.

mod api;
mod domain;
mod ledger;
mod process;
mod store;

pub(crate) use api::{State, routes};
