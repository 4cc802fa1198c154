//! The feature *baskets*: `api` (HTTP) and `courses` (events) → `domain` (rules) ← `store` (Redis).

mod api;
mod courses;
mod domain;
mod store;

pub(crate) use api::{State, routes};
pub(crate) use courses::{CourseChanges, QUEUE};
pub(crate) use store::BasketStore;
