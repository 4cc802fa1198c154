//! The feature *throttle*: whoever fails often waits longer each time. Failures are counted by account, by
//! address and by known device, in the database, so that all replicas count together.
//!
//! An attempt is counted before the password is looked at and taken back when it was right, so that many at
//! the same moment get no more tries than one after the other.

mod address;
mod policy;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use address::client_address;
pub(crate) use policy::Policy;
pub(crate) use service::{Throttle, Verdict};
pub(crate) use store::{
    PostgresThrottle, SqlServerThrottle, ThrottleStore, forget_devices_in, forget_devices_on_sqlserver,
};
