//! The OpenID Connect provider.

fn main() {}
