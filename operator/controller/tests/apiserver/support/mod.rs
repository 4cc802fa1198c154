//! What tests are written with.

mod cluster;
mod kubelet;
mod layers;
mod snapshot;

pub(crate) use cluster::{Namespace, eventually};
pub(crate) use kubelet::Kubelet;
pub(crate) use layers::{Calls, Corrupt, Doom, Fault, Write, named};
pub(crate) use snapshot::snapshot;
