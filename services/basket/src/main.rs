//! Baskets.

fn main() {}
