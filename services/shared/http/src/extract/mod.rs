//! Extractors that answer a problem document for whatever they can't accept.

mod headers;
mod json;
mod params;

pub use headers::{IdempotencyKey, IfMatch, entity_tag};
pub use json::Json;
pub use params::{Path, Query};
