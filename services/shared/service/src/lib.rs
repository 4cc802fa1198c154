//! The one way a component starts and stops.
//!
//! A component implements [`Component`]; its `main` calls [`main`]. This crate gives it subcommands,
//! settings, telemetry, the two listeners, watched dependencies and a drain in the right order. It knows no
//! component and holds no business rule.

mod clock;
mod component;
mod run;
mod settings;

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlserver")]
pub mod sqlserver;

pub use clock::now;
pub use component::{Api, Command, Component, Runtime, StartError, WrongSettings};
pub use run::{TestComponent, main, migrate_for_test, spawn_for_test};
pub use settings::CommonSettings;
