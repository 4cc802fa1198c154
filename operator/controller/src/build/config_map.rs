//! ConfigMaps: the gateway's routes, and the configuration of managed servers.

use platform_components::{Name, routes_file};
use serde_json::json;

use super::component;
use super::meta::{component_name, metadata, owned, short_hash};
use super::plan::{Part, Stage, Wanted};
use crate::validate::ValidatedPlatform;

/// The file of the gateway's routes.
pub(super) const ROUTES_KEY: &str = "routes.yaml";

/// A ConfigMap of one file.
pub(super) struct ConfigFile {
    pub(super) name: String,
    pub(super) key: &'static str,
    pub(super) text: String,
    pub(super) hash: String,
}

impl ConfigFile {
    pub(super) fn new(name: String, key: &'static str, text: String) -> Self {
        Self { hash: short_hash(&text), name, key, text }
    }

    pub(super) fn wanted(&self, platform: &ValidatedPlatform, part: Part) -> Wanted {
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(platform, part, &self.name),
            "data": {self.key: self.text},
        });
        owned(part, Stage::Base, object)
    }
}

/// The gateway's routes.
pub(super) fn routes(platform: &ValidatedPlatform) -> ConfigFile {
    let file = routes_file(|name| component::url(platform, name));
    // A plain structure of strings and numbers always serialises; an empty file would be refused by
    // the gateway at start, with its name.
    let text = serde_norway::to_string(&file).unwrap_or_default();
    ConfigFile::new(format!("{}-routes", component_name(platform, Name::Gateway)), ROUTES_KEY, text)
}

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    vec![routes(platform).wanted(platform, Part::Component(Name::Gateway))]
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn the_gateways_routes() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
