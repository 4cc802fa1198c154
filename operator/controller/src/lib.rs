//! The operator: dereference, validate, build, apply, status.

pub mod build;
pub mod dereference;
pub mod validate;
