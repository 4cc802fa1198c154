//! The web shop: server-rendered pages.

fn main() {}
