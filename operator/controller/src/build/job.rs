//! Jobs of components: migrations and demo data. A Job's template can't change, so Jobs are only ever
//! created, and another one has another name (OPERATOR rule 6).

use platform_components::{Component, components};
use serde_json::{Value, json};

use super::component as pods;
use super::meta::{Role, component_name, metadata, owned, short_hash};
use super::plan::{Part, Stage, Wanted};
use crate::validate::ValidatedPlatform;

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let mut jobs = Vec::new();
    for entry in components() {
        if entry.migrates {
            jobs.push(one(platform, entry, Role::Migrate, Stage::Migrate));
        }
        if entry.seeds && platform.demo_data {
            jobs.push(one(platform, entry, Role::Seed, Stage::Seed));
        }
    }
    jobs
}

fn one(platform: &ValidatedPlatform, entry: &Component, role: Role, stage: Stage) -> Wanted {
    let part = Part::Component(entry.name);
    let base = format!("{}-{}", component_name(platform, entry.name), role.as_str());
    let name = match role {
        // Another image may bring other migrations.
        Role::Migrate => format!("{base}-{}", short_hash(&platform.components[&entry.name].image)),
        // Demo data is brought once: an upgrade must not bring back what somebody has deleted.
        _ => base,
    };
    owned(part, stage, wrap(platform, part, &name, pods::once(platform, entry.name, role)))
}

/// A Job that tries a few times and is kept with its last pod, for whoever wants to know why it failed.
pub(super) fn wrap(platform: &ValidatedPlatform, part: Part, name: &str, template: Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(platform, part, name),
        "spec": {
            "backoffLimit": 5,
            "activeDeadlineSeconds": 1800,
            "template": template,
        },
    })
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn jobs_of_a_platform_with_demo_data() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::full())));
    }
}
