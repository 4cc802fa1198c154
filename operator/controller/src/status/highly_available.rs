//! HighlyAvailable: the loss of one node stops nothing.

use courseplatform_api::AccessMode;

use super::Verdict;
use crate::validate::{Server, ValidatedPlatform};

pub(super) fn verdict(platform: &ValidatedPlatform) -> Verdict {
    let managed: Vec<&str> = platform
        .servers
        .iter()
        .filter(|(_, server)| matches!(server, Server::Managed(_)))
        .map(|(kind, _)| kind.as_str())
        .collect();
    if !managed.is_empty() {
        return Verdict::no("SingleNodeServers", format!("a single pod each: {}", managed.join(", ")));
    }
    let single: Vec<&str> = platform
        .components
        .iter()
        .filter(|(_, component)| component.replicas < 2)
        .map(|(name, _)| name.as_str())
        .collect();
    if !single.is_empty() {
        return Verdict::no("SingleReplica", format!("one replica each: {}", single.join(", ")));
    }
    if platform.photos.access_mode == AccessMode::ReadWriteOnce {
        return Verdict::no("SingleVolume", "the photos' volume can be mounted by one node only");
    }
    Verdict::yes("Replicated", "everything has at least two replicas")
}
