//! The platform as local processes, and the servers of the tests.
//!
//! It starts Debian's PostgreSQL, Redis and RabbitMQ, and our FerretDB, with data and ports of their
//! own on 127.0.0.1, either for as long as one command runs (`servers -- cargo test`) or for the nine
//! components of `make dev`. It must not touch a server that it did not start, must not need root, and
//! must leave no process behind, however it ends: a small guard process outlives it for that.

mod bench;
pub mod cli;
mod dev;
mod guard;
mod held;
mod paths;
mod ports;
mod process;
mod record;
pub mod servers;
mod term;
mod user;
