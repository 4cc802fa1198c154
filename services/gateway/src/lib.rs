//! The only door: routes, limits and streaming to the services.
