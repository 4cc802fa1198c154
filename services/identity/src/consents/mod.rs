//! The feature *consents*: which applications somebody let into their account, and taking that back. What is asked
//! and given is the business of *authorize*; here it is only looked at and ended.

mod domain;
mod service;
mod store;

pub(crate) use domain::Application;
pub(crate) use service::Consents;
pub(crate) use store::{ConsentStore, PostgresConsents, SqlServerConsents};
