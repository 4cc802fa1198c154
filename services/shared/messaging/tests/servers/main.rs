//! Messaging on real servers: what is promised holds whatever breaks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

#[path = "../support/mod.rs"]
mod support;

mod consumer;
mod dead_letters;
mod idempotency;
mod mongodb;
mod relay;
mod stores;
mod world;
