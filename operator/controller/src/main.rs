//! The operator: dereference, validate, build, apply, status.

fn main() {}
