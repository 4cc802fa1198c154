//! Deployments: the nine components.

use courseplatform_api::AccessMode;
use platform_components::{Name, component, components};
use serde_json::{Value, json};

use super::component as pods;
use super::meta::{Role, component_name, metadata, owned, selector};
use super::plan::{Part, Stage, Wanted};
use crate::validate::ValidatedPlatform;

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    components().iter().map(|entry| one(platform, entry.name)).collect()
}

fn one(platform: &ValidatedPlatform, name: Name) -> Wanted {
    let part = Part::Component(name);
    let replicas = if platform.stopped { 0 } else { platform.components[&name].replicas };
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(platform, part, &component_name(platform, name)),
        "spec": {
            "replicas": replicas,
            "minReadySeconds": 3,
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 3,
            "strategy": strategy(platform, name),
            "selector": {"matchLabels": selector(platform, part, Role::Service)},
            "template": pods::serving(platform, name),
        },
    });
    owned(part, Stage::Serve, object)
}

/// Never fewer pods than wanted, but where two can't mount the volume: there the old one goes first.
fn strategy(platform: &ValidatedPlatform, name: Name) -> Value {
    if component(name).volume && platform.photos.access_mode == AccessMode::ReadWriteOnce {
        json!({"type": "Recreate"})
    } else {
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})
    }
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn deployments_of_a_small_platform() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
