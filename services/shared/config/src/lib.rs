//! Typed configuration from the environment, with errors that name the key.
