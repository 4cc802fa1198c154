//! The platform as local processes, and the servers of the tests.

fn main() {}
