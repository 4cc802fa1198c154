//! The gateway from outside: raw clients on one side, upstreams of every temper on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

mod cache;
mod life;
mod limits;
mod pages;
mod proxy;
mod reload;
mod resilience;
mod rules;
mod soak;
mod support;
mod tls;
mod tokens;
mod wire;
