//! Categories and courses.

fn main() {}
