//! Messaging on real servers: what is promised holds whatever breaks.

mod consumer;
mod dead_letters;
mod idempotency;
mod mongodb;
mod relay;
mod stores;
mod world;
