//! The operator: dereference, validate, build, apply, status. Each step is a module, and the order of
//! this list is the order of one pass; the rest carries the passes. Nothing here knows what a component
//! is for: that is in `platform-components`.

pub mod dereference;
pub mod validate;
// One step a line, in the order of a pass.
pub mod apply;
pub mod build;
pub mod graph;
pub mod status;

mod admin;
pub mod children;
mod cli;
pub mod client;
pub mod election;
pub mod events;
mod labels;
pub mod metrics;
mod reconcile;
mod run;

pub use cli::main;
pub use reconcile::{Context, PassError, reconcile};
pub use run::{Operator, operate};
