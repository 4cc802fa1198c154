//! The feature *coupons*: `api` (HTTP) → `domain` (rules) ← `store` (PostgreSQL).

mod api;
mod domain;
mod store;

pub(crate) use api::{State, routes};
