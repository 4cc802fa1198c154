//! PodDisruptionBudgets: while a node is drained, one pod of a component goes at a time. Only from two
//! replicas on: with one, a budget would do nothing but block the drain.

use platform_components::{Name, components};
use serde_json::json;

use super::meta::{Role, component_name, metadata, owned, selector};
use super::plan::{Part, Stage, Wanted};
use crate::validate::ValidatedPlatform;

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    components()
        .iter()
        .filter(|entry| platform.components[&entry.name].replicas >= 2)
        .map(|entry| one(platform, entry.name))
        .collect()
}

fn one(platform: &ValidatedPlatform, name: Name) -> Wanted {
    let part = Part::Component(name);
    let object = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(platform, part, &component_name(platform, name)),
        "spec": {
            "maxUnavailable": 1,
            // A pod that isn't ready serves nobody, so it may always go.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(platform, part, Role::Service)},
        },
    });
    owned(part, Stage::Base, object)
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn budgets_of_a_platform_with_two_replicas() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::full())));
    }
}
