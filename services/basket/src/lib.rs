//! Baskets.
