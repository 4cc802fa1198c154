//! The feature *consents*: which applications somebody let into their account, and taking that back. When it is
//! asked for is the business of *authorize*.

mod domain;
mod service;
mod store;

pub(crate) use domain::Application;
pub(crate) use service::Consents;
pub(crate) use store::{ConsentStore, PostgresConsents, SqlServerConsents};
