//! HTTP as every component speaks it: one server, one client, one form of error.
//!
//! The server part gives problem documents (RFC 9457), extractors that answer in that form, limits,
//! timeouts, request metrics, trace context, probes and a graceful drain, and says what of an answer may be kept. The client part gives timeouts and
//! retries of what is safe. Nothing here knows a service, a token or a store.

pub mod client;
pub mod extract;
pub mod keep;
pub mod page;
pub mod problem;
pub mod server;

pub use extract::{IdempotencyKey, IfMatch, Json, Path, Query, entity_tag};
pub use keep::{Keep, Reader};
pub use page::{Cursor, Page, PageQuery};
pub use problem::{FieldError, Problem, ProblemType};
