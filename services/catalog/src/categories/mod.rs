//! The feature *categories*: `api` (HTTP) → `domain` (rules) ← `store` (MongoDB).

mod api;
mod domain;
mod store;

pub(crate) use api::{State, routes};
pub(crate) use domain::{Category, CategoryId};
pub(crate) use store::CategoryStore;
