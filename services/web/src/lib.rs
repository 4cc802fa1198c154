//! The web shop: server-rendered pages.
