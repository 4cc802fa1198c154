//! OAuth clients: a Secret for each confidential one, made once, and the list by which identity knows
//! all of them. The list holds hashes only and is no part of any pod template: identity reads it again
//! while it runs, so that another client restarts nothing (OPERATOR rule 5).
//!
//! The hashes were read from the clients' Secrets by *dereference*, and are not stored beside the secrets
//! by whoever makes them. So a secret that a person has put there counts like a generated one, and the
//! list can never say something else than the Secret.

use base64::Engine as _;
use platform_components::{Client, ClientType, ClientsFile, Name, clients_file, confidential_clients};
use serde_json::json;

use super::meta::{component_name, labels, metadata, owned};
use super::plan::{Part, Recipe, SecretSpec, Stage, Wanted};
use crate::labels::CLIENT;
use crate::validate::ValidatedPlatform;

/// The list's key, and its file.
pub(super) const LIST_KEY: &str = "clients.json";
/// The key of a client's secret.
pub(crate) const SECRET_KEY: &str = "client_secret";
/// 256 bits, which is why a plain hash of it is enough.
const SECRET_BYTES: usize = 32;

/// The Secret of a confidential client.
pub(super) fn secret_name(platform: &ValidatedPlatform, id: &str) -> String {
    format!("{}-client-{id}", platform.name)
}

/// The Secret with the list.
pub(super) fn list_name(platform: &ValidatedPlatform) -> String {
    format!("{}-clients", component_name(platform, Name::Identity))
}

/// Whether a client proves who it is by a secret: not one that can't keep it, nor one that has keys of its own.
fn has_secret(client: &Client) -> bool {
    client.kind == ClientType::Confidential && client.jwks.is_none()
}

/// The Secrets of all clients that have one. None is kept when the platform goes: a client's secret opens
/// no data, and another one can be made at any time.
pub(super) fn secrets(platform: &ValidatedPlatform) -> impl Iterator<Item = SecretSpec> {
    let built_in = confidential_clients().map(|name| (Part::Component(name), name.as_str().to_owned()));
    let extra = platform
        .clients
        .iter()
        .filter(|client| has_secret(client))
        .map(|client| (Part::Component(Name::Identity), client.id.clone()));
    built_in.chain(extra).map(|(part, id)| {
        let mut labels = labels(platform, part);
        labels.insert(CLIENT.to_owned(), id.clone());
        SecretSpec {
            part,
            name: secret_name(platform, &id),
            labels,
            keep: false,
            opens: None,
            values: [
                ("client_id".to_owned(), Recipe::Literal(id.clone())),
                (SECRET_KEY.to_owned(), Recipe::RandomHex(SECRET_BYTES)),
            ]
            .into(),
            client: Some(id),
        }
    })
}

/// What identity is to know. A confidential client whose Secret isn't there is left out: with no secret
/// at all it could not prove who it is, and identity would refuse the whole file.
fn list(platform: &ValidatedPlatform) -> ClientsFile {
    let hashes = |id: &str| platform.client_secrets.get(id).cloned().unwrap_or_default();
    let extra = platform.clients.iter().map(|client| {
        let secret_sha256 = if has_secret(client) { hashes(&client.id) } else { Vec::new() };
        Client { secret_sha256, ..client.clone() }
    });
    let mut file = clients_file(&platform.public_url, hashes, extra);
    file.clients.retain(|client| !has_secret(client) || !client.secret_sha256.is_empty());
    file
}

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    // A plain structure of strings always serialises; identity refuses an empty file, with its name.
    let text = serde_json::to_string_pretty(&list(platform)).unwrap_or_default();
    let part = Part::Component(Name::Identity);
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(platform, part, &list_name(platform)),
        "data": {LIST_KEY: base64::engine::general_purpose::STANDARD.encode(text)},
    });
    vec![owned(part, Stage::Base, object)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::testing;

    #[test]
    fn the_list_of_a_platform_with_clients_of_its_own() {
        let file = list(&testing::full());
        file.check().unwrap();
        let lines: Vec<String> = file
            .clients
            .iter()
            .map(|client| format!("{} {:?} {:?}", client.id, client.kind, client.secret_sha256))
            .collect();
        insta::assert_yaml_snapshot!(lines);
    }

    #[test]
    fn the_list_can_be_used_whatever_is_known_of_the_secrets() {
        let mut platform = testing::full();
        platform.client_secrets.clear();
        let file = list(&platform);
        file.check().unwrap();
        let ids: Vec<&str> = file.clients.iter().map(|client| client.id.as_str()).collect();
        assert_eq!(ids, ["mobile"], "only the public client needs no secret");
    }

    #[test]
    fn a_client_with_keys_of_its_own_has_no_secret() {
        let mut platform = testing::full();
        let reports = platform.clients.iter_mut().find(|client| client.id == "reports").unwrap();
        reports.jwks = Some(json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43)}]}));
        let file = list(&platform);
        file.check().unwrap();
        let listed = file.clients.iter().find(|client| client.id == "reports").unwrap();
        assert!(listed.secret_sha256.is_empty() && listed.jwks.is_some());
        assert!(secrets(&platform).all(|spec| spec.client.as_deref() != Some("reports")));
    }

    #[test]
    fn another_client_changes_the_list_and_no_pod() {
        let before = testing::full();
        let mut after = before.clone();
        after.clients.retain(|client| client.id != "mobile");
        after.client_secrets.insert("order".to_owned(), vec!["0".repeat(64)]);
        let changed: Vec<String> = crate::build::build(&before)
            .objects
            .into_iter()
            .zip(crate::build::build(&after).objects)
            .filter(|(before, after)| before != after)
            .map(|(before, _)| format!("{} {}", before.kind(), before.name()))
            .collect();
        assert_eq!(changed, ["Secret school-identity-clients"]);
    }

    #[test]
    fn every_confidential_client_has_a_secret_that_goes_with_the_platform() {
        let specs: Vec<SecretSpec> = secrets(&testing::full()).collect();
        let ids: Vec<&str> = specs.iter().filter_map(|spec| spec.client.as_deref()).collect();
        assert_eq!(
            ids,
            ["basket", "discount", "order", "payment", "photostock", "gateway", "web", "reports"]
        );
        assert!(specs.iter().all(|spec| !spec.keep && spec.labels[CLIENT] == *spec.client.as_ref().unwrap()));
        assert_eq!(specs[7].name, "school-client-reports");
    }
}
