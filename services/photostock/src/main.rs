//! Photos: checked, re-encoded, content-addressed.

fn main() {}
