//! ServiceAccounts: one for each component and server, so that what a cloud gives to one is not given
//! to all. None of them has a token mounted or any right in Kubernetes.

use platform_components::components;
use serde_json::json;

use super::meta::{component_name, metadata, owned, server_name};
use super::plan::{Part, Stage, Wanted};
use super::provision;
use crate::validate::{Server, ValidatedPlatform};

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let mut parts: Vec<(Part, String)> = components()
        .iter()
        .map(|entry| (Part::Component(entry.name), component_name(platform, entry.name)))
        .collect();
    for (&kind, server) in &platform.servers {
        if matches!(server, Server::Managed(_)) {
            parts.push((Part::Server(kind), server_name(platform, kind)));
        }
    }
    parts.push((Part::Provision, provision::account_name(platform)));
    parts.into_iter().map(|(part, name)| one(platform, part, &name)).collect()
}

fn one(platform: &ValidatedPlatform, part: Part, name: &str) -> Wanted {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(platform, part, name),
        "automountServiceAccountToken": false,
    });
    owned(part, Stage::Base, object)
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn accounts_without_tokens() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
