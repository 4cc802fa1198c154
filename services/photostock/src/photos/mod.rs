//! The feature *photos*: `api` (HTTP) → `domain` (what a photo is) ← `store` (files or a bucket).

mod api;
mod domain;
mod store;

pub(crate) use api::{State, routes};
pub(crate) use store::PhotoStore;
