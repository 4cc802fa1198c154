//! The server of every component: an API listener, an admin listener, limits, probes and a graceful drain.

mod admin;
mod layers;
mod listen;
mod readiness;
mod series;
mod settings;

pub use admin::admin_router;
pub use layers::with_layers;
pub use listen::{BindError, bind, serve};
pub use readiness::{CheckError, Dependency, Need, Readiness};
pub use settings::ServerSettings;
