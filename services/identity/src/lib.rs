//! The OpenID Connect provider.
