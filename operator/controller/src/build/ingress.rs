//! The Ingress, where the platform is exposed through one.

use platform_components::Name;
use serde_json::json;

use super::meta::{component_name, metadata, owned};
use super::plan::{Part, Stage, Wanted};
use super::service::{PUBLIC_PORT, public_name};
use crate::validate::{Exposure, ValidatedPlatform};

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let Exposure::Ingress { class, annotations } = &platform.exposure else { return Vec::new() };
    let part = Part::Component(Name::Gateway);
    let backend = json!({"service": {"name": public_name(platform), "port": {"number": PUBLIC_PORT}}});
    let mut object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(platform, part, &component_name(platform, Name::Gateway)),
        "spec": {
            "rules": [{
                "host": platform.host,
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }],
        },
    });
    if !annotations.is_empty() {
        object["metadata"]["annotations"] = json!(annotations);
    }
    if let Some(class) = class {
        object["spec"]["ingressClassName"] = json!(class);
    }
    vec![owned(part, Stage::Base, object)]
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn an_ingress_leads_to_the_gateway() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::full())));
    }
}
