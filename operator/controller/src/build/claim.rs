//! The claim of the photos' volume. Claims of servers come from their StatefulSets.

use courseplatform_api::AccessMode;
use platform_components::Name;
use serde_json::json;

use super::meta::{component_name, labels};
use super::plan::{Part, Stage, Wanted};
use crate::validate::ValidatedPlatform;

/// The claim's name.
pub(super) fn name(platform: &ValidatedPlatform) -> String {
    format!("{}-photos", component_name(platform, Name::Photostock))
}

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let part = Part::Component(Name::Photostock);
    let mode = match platform.photos.access_mode {
        AccessMode::ReadWriteOnce => "ReadWriteOnce",
        AccessMode::ReadWriteMany => "ReadWriteMany",
    };
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name(platform),
            "namespace": platform.namespace,
            "labels": labels(platform, part),
        },
        "spec": {
            "accessModes": [mode],
            "resources": {"requests": {"storage": platform.photos.size}},
        },
    });
    if let Some(class) = &platform.photos.storage_class {
        object["spec"]["storageClassName"] = json!(class);
    }
    vec![Wanted { part, stage: Stage::Base, keep: platform.keeps_data(), object }]
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn photos_are_kept_in_a_claim() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
