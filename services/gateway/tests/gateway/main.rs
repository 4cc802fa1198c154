//! The gateway from outside: raw clients on one side, upstreams of every temper on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

mod cache;
mod clients;
mod conformance;
mod described;
mod drain;
mod exchange;
mod filling;
mod floods;
mod frames;
mod keys;
mod lies;
mod life;
mod limits;
mod pages;
mod paths;
mod protocols;
mod proxy;
mod reload;
mod resilience;
mod rules;
mod soak;
mod stream;
mod support;
mod tls;
mod tokens;
mod upstreams;
mod wire;
