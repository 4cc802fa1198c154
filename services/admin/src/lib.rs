//! What the person who runs a platform, and the operator on their behalf, do to its servers: make
//! databases, accounts and the broker's topology, and look after dead letters. It is the only program
//! that is ever given a server's administrator; it keeps nothing, serves nothing and decides nothing
//! that isn't in its plan or on its command line.

mod cli;
pub mod connection;
pub mod dead_letters;
pub mod provision;

pub use cli::main;
