//! The feature *cards*: `api` (HTTP) → `domain` (what a card is) ← `store` (tokens in PostgreSQL).

mod api;
mod domain;
mod store;

pub(crate) use api::{State, routes};
pub(crate) use domain::{Card, CardToken, Sensitive};
pub(crate) use store::redeem;
