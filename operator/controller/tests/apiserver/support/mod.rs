//! What tests are written with.

mod cluster;
mod kubelet;
mod layers;
mod snapshot;

pub use cluster::{Namespace, eventually};
pub use kubelet::Kubelet;
pub use layers::{Calls, FailNth, Fault};
pub use snapshot::snapshot;
