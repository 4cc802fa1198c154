//! Orders, by commands and queries over the order domain.

fn main() {}
