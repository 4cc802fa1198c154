//! The feature *second factor*: an authenticator that shows one-time passwords, and recovery codes for when it is
//! lost. `otp` and `recovery` hold the rules, `service` what can be done, `store` keeps it in PostgreSQL or SQL Server;
//! shared secrets lie there under the keyring only, recovery codes as hashes.
//!
//! It decides neither who is signed in nor what an account is: turning it on and off is a change of the account
//! ([`crate::accounts`]), which takes [`Change`] along into its transaction.

mod given;
mod otp;
mod recovery;
mod required;
mod service;
mod steps;
mod store;

pub(crate) use otp::Secret;
pub(crate) use recovery::{RecoveryCode, grouped};
pub use required::RequiredFor;
pub(crate) use service::SecondFactors;
pub(crate) use steps::STEP;
pub(crate) use store::{
    Change, PostgresSecondFactors, SecondFactorStore, SqlServerSecondFactors, apply_in, apply_on_sqlserver,
};
