//! Available: people can use the shop right now. Stays true through an upgrade.

use platform_components::Name;

use super::{Findings, Verdict};
use crate::graph::Rollout;

/// What the home page needs behind the gateway.
const CORE: [Name; 2] = [Name::Web, Name::Catalog];

pub(super) fn verdict(found: &Findings<'_>) -> Verdict {
    let serves = |name: Name| {
        found.progress.components.get(&name).is_some_and(
            |one| matches!(&one.rollout, Rollout::Present { workload, .. } if workload.ready > 0),
        )
    };
    if !serves(Name::Gateway) {
        return Verdict::no("GatewayUnavailable", "no pod of the gateway is ready");
    }
    let missing: Vec<&str> = CORE.into_iter().filter(|name| !serves(*name)).map(Name::as_str).collect();
    if missing.is_empty() {
        Verdict::yes("Serving", format!("serving at {}", found.platform.public_url))
    } else {
        Verdict::no("CoreUnavailable", format!("no pod is ready of {}", missing.join(", ")))
    }
}
