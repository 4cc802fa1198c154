//! Payments behind a provider trait, with a double-entry ledger.

fn main() {}
