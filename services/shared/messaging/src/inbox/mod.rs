//! The inbox: which events a consumer has handled, written with their effect, so that a doubled event has it
//! once.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlserver")]
pub mod sqlserver;

#[cfg(feature = "postgres")]
pub use postgres::first_time;
