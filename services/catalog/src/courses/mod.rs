//! The feature *courses*: `api` (HTTP), `quote` (HTTP for other services) → `domain` (rules) ← `store`
//! (MongoDB, with the outbox of the events).

mod api;
mod domain;
mod quote;
mod store;

pub(crate) use api::{State, routes};
#[cfg(test)]
pub(crate) use domain::check_price;
pub(crate) use domain::{Card, Course, CourseId, Language, Status};
pub(crate) use store::CourseStore;
