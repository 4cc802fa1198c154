//! What holds for the whole plan, whatever the platform.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::testing::{checked, full, pod_template, small};
use super::*;
use crate::dereference::Dereferenced;
use crate::validate::VERSIONS;

fn plans() -> [Plan; 2] {
    [build(&small()), build(&full())]
}

fn pods(plan: &Plan) -> impl Iterator<Item = (String, &Value)> {
    plan.objects.iter().filter_map(|wanted| {
        Some((format!("{} {}", wanted.kind(), wanted.name()), pod_template(&wanted.object)?))
    })
}

#[test]
fn no_two_objects_have_the_same_kind_and_name() {
    for plan in plans() {
        let mut names = BTreeSet::new();
        for wanted in &plan.objects {
            assert!(names.insert((wanted.kind(), wanted.name())), "{} {}", wanted.kind(), wanted.name());
        }
        let secrets: BTreeSet<&str> = plan.secrets.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(secrets.len(), plan.secrets.len());
    }
}

#[test]
fn the_longest_name_of_a_platform_still_fits_everywhere() {
    let spec = json!({"host": "a.example", "demoData": true, "plan": "medium"});
    let plan = build(&checked(&"p".repeat(30), &"n".repeat(63), &spec, &Dereferenced::default()));
    for wanted in &plan.objects {
        // Kubernetes puts the names of Services and Jobs into labels and host names: 63. A StatefulSet's
        // pods get a revision label of name and hash.
        let limit = if wanted.kind() == "StatefulSet" { 52 } else { 63 };
        assert!(wanted.name().len() <= limit, "{} {}", wanted.kind(), wanted.name());
    }
}

#[test]
fn every_pod_passes_pod_security_restricted_and_more() {
    for plan in plans() {
        for (name, template) in pods(&plan) {
            let pod = &template["spec"];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            assert_eq!(pod["enableServiceLinks"], false, "{name}");
            for container in pod["containers"].as_array().unwrap() {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{name}");
                assert!(container["resources"]["requests"]["memory"].is_string(), "{name}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            }
            for volume in pod["volumes"].as_array().unwrap() {
                assert!(volume["hostPath"].is_null(), "{name}");
            }
        }
    }
}

#[test]
fn every_mount_has_its_volume_and_every_volume_its_mount() {
    for plan in plans() {
        for (name, template) in pods(&plan) {
            let of = |list: &Value| -> BTreeSet<String> {
                list.as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["name"].as_str().unwrap().to_owned())
                    .collect()
            };
            let mut volumes = of(&template["spec"]["volumes"]);
            let mounts = of(&template["spec"]["containers"][0]["volumeMounts"]);
            if name.starts_with("StatefulSet") {
                volumes.insert("data".to_owned());
            }
            assert_eq!(mounts, volumes, "{name}");
        }
    }
}

#[test]
fn a_mail_server_with_authorities_of_its_own_is_checked_against_them() {
    let mut platform = full();
    let before = pods(&build(&platform)).any(|(_, template)| template.to_string().contains("SMTP_CA_FILE"));
    assert!(!before);
    platform.smtp.as_mut().unwrap().authorities = Some("smtp".to_owned());
    let plan = build(&platform);
    let template = pods(&plan).find(|(name, _)| name == "Deployment school-identity").unwrap().1;
    let env = template["spec"]["containers"][0]["env"].as_array().unwrap();
    let file = env.iter().find(|variable| variable["name"] == "SMTP_CA_FILE").unwrap()["value"].as_str();
    let volumes = template["spec"]["volumes"].as_array().unwrap();
    let secrets = volumes.iter().find(|volume| volume["name"] == "secrets").unwrap();
    let sources = secrets["projected"]["sources"].as_array().unwrap();
    let smtp = sources.iter().find(|source| source["secret"]["name"] == "smtp").unwrap();
    let items = smtp["secret"]["items"].as_array().unwrap();
    let path = items.iter().find(|item| item["key"] == "ca.crt").unwrap()["path"].as_str().unwrap();
    assert_eq!(file, Some(format!("/secrets/{path}").as_str()));
}

#[test]
fn the_gateway_alone_is_told_whom_to_believe_and_nothing_when_that_is_nobody() {
    let told = |plan: &Plan| -> Vec<(String, Value)> {
        let mut told = Vec::new();
        for (name, template) in pods(plan) {
            let env = template["spec"]["containers"][0]["env"].as_array();
            let trusted = env.into_iter().flatten().filter(|variable| variable["name"] == "TRUSTED_PROXIES");
            told.extend(trusted.map(|variable| (name.clone(), variable["value"].clone())));
        }
        told
    };
    let [small, full] = plans();
    assert_eq!(told(&small), []);
    let networks = json!("10.2.0.0/16,fd00:2::/64");
    assert_eq!(told(&full), [("Deployment school-gateway".to_owned(), networks)]);
}

#[test]
fn no_environment_holds_a_key_twice_or_a_secret() {
    for plan in plans() {
        for (name, template) in pods(&plan) {
            let mut keys = BTreeSet::new();
            for variable in template["spec"]["containers"][0]["env"].as_array().into_iter().flatten() {
                let key = variable["name"].as_str().unwrap();
                assert!(keys.insert(key), "{name}: {key} is there twice");
                let secret = ["PASSWORD", "SECRET", "TOKEN"].iter().any(|word| key.contains(word));
                let harmless = ["TOKEN_URL", "PASSWORD_GRANT"].contains(&key);
                assert!(!secret || harmless || key.ends_with("_FILE"), "{name}: {key} belongs into a file");
            }
        }
    }
}

#[test]
fn selectors_select_their_own_pods_and_no_jobs() {
    for plan in plans() {
        for wanted in
            plan.objects.iter().filter(|wanted| ["Deployment", "StatefulSet"].contains(&wanted.kind()))
        {
            let selector = wanted.object["spec"]["selector"]["matchLabels"].as_object().unwrap();
            let matching: Vec<String> = pods(&plan)
                .filter(|(_, template)| {
                    selector.iter().all(|(key, value)| template["metadata"]["labels"][key] == *value)
                })
                .map(|(name, _)| name)
                .collect();
            assert_eq!(matching, [format!("{} {}", wanted.kind(), wanted.name())]);
        }
    }
}

#[test]
fn with_retain_what_holds_data_or_opens_it_outlives_the_platform_and_with_delete_nothing_does() {
    let kept = |plan: &Plan| -> Vec<String> {
        let objects = plan.objects.iter().filter(|wanted| wanted.keep).map(|wanted| wanted.name().to_owned());
        objects.chain(plan.secrets.iter().filter(|spec| spec.keep).map(|spec| spec.name.clone())).collect()
    };
    let [retain, delete] = plans();
    let opening = retain.secrets.iter().filter(|spec| spec.client.is_none()).count();
    assert_eq!(kept(&retain).len(), opening + 1, "all Secrets but those of clients, and the photos' claim");
    assert_eq!(kept(&delete), Vec::<String>::new());
    let policies = |plan: &Plan| -> BTreeSet<String> {
        let sets = plan.objects.iter().filter(|wanted| wanted.kind() == "StatefulSet");
        sets.map(|set| set.object["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"].to_string())
            .collect()
    };
    assert_eq!(policies(&retain), BTreeSet::from([r#""Retain""#.to_owned()]));
    assert_eq!(policies(&delete), BTreeSet::from([r#""Delete""#.to_owned()]));
}

#[test]
fn a_stopped_platform_keeps_its_servers() {
    let spec = json!({"host": "a.example", "stopped": true});
    let plan = build(&checked("demo", "courses", &spec, &Dereferenced::default()));
    for wanted in &plan.objects {
        match wanted.kind() {
            "Deployment" => assert_eq!(wanted.object["spec"]["replicas"], 0),
            "StatefulSet" => assert_eq!(wanted.object["spec"]["replicas"], 1),
            _ => {}
        }
    }
}

#[test]
fn another_wish_for_the_servers_is_another_job_and_the_same_is_the_same() {
    let job = |platform: &crate::validate::ValidatedPlatform| {
        let plan = build(platform);
        let job = plan.objects.iter().find(|wanted| wanted.stage == Stage::Provision).unwrap();
        job.name().to_owned()
    };
    assert_eq!(job(&small()), job(&small()));
    let mut other = small();
    other.namespace = "elsewhere".to_owned();
    assert_ne!(job(&small()), job(&other));
}

#[test]
fn nothing_is_provisioned_where_all_accounts_are_finished() {
    let facts = |name: &str| {
        let mut platform = small();
        for server in platform.servers.values_mut() {
            *server = crate::validate::Server::External(crate::validate::ExternalServer {
                accounts: crate::validate::ExternalAccounts::Finished(
                    platform_components::components()
                        .iter()
                        .map(|entry| (entry.name, name.to_owned()))
                        .collect(),
                ),
                egress: Vec::new(),
                port: 1,
            });
        }
        build(&platform)
    };
    let plan = facts("theirs");
    assert!(plan.objects.iter().all(|wanted| wanted.stage != Stage::Provision));
    let opening = plan.secrets.iter().filter(|spec| spec.client.is_none()).count();
    assert_eq!(opening, 2, "the keyring and the first administrator");
}

/// The pod templates of the reference platforms, as the release of that version rendered them.
fn golden(version: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(version).join(name)
}

#[test]
fn the_pod_templates_of_every_release_stay_what_they_were() {
    for version in VERSIONS {
        let mut templates = BTreeMap::new();
        for (name, mut platform) in [("small", small()), ("full", full())] {
            platform.version = (*version).to_owned();
            let plan = build(&platform);
            // Provisioning runs nothing that could restart, and its Job is named by what is wanted.
            for (object, template) in pods(&plan).filter(|(object, _)| !object.contains("-provision-")) {
                templates.insert(format!("{name}: {object}"), template.clone());
            }
        }
        let rendered = serde_norway::to_string(&templates).unwrap();
        let path = golden(version, "pod-templates.yaml");
        if std::env::var_os("FREEZE").is_some_and(|freeze| freeze == **version) {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &rendered).unwrap();
        }
        let frozen = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            rendered == frozen,
            "{} differs: pods of {version} would restart with this operator. Until {version} is released, \
             FREEZE={version} writes it anew",
            path.display()
        );
    }
}
