//! The committed definition is the one that the types make, and it keeps our promises about schemas.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::path::Path;

use serde_json::Value;

/// The definition for `kubectl apply`, and the copy in the chart: Helm reads only files of its own.
const COPIES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/courseplatforms.yaml"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/courseplatform-operator/files/courseplatforms.yaml"),
];

fn schema_of(part: &str) -> Value {
    let crd = serde_json::to_value(courseplatform_api::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part].clone()
}

/// Calls `check` with the path and every schema below this one.
fn walk(path: &str, schema: &Value, check: &mut impl FnMut(&str, &Value)) {
    check(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, check);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            walk(&format!("{path}[]"), &schema[inner], check);
        }
    }
}

#[test]
fn the_committed_definitions_are_up_to_date() {
    let generated = courseplatform_api::crd_yaml().unwrap();
    for path in COPIES {
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == generated,
            "{path} is stale: UPDATE=1 cargo test -p courseplatform-api --test generated"
        );
    }
}

#[test]
fn no_name_of_a_field_is_a_boolean_of_yaml_1_1() {
    let text = courseplatform_api::crd_yaml().unwrap();
    let words = ["y", "yes", "on", "true", "n", "no", "off", "false"];
    for line in text.lines() {
        let key = line.trim_start().trim_start_matches("- ").split(':').next().unwrap_or_default();
        assert!(!words.contains(&key.to_lowercase().as_str()), "kubectl and helm read a boolean: {line}");
    }
    let whole: Value = serde_norway::from_str(&text).unwrap();
    assert_eq!(whole, serde_json::to_value(courseplatform_api::crd()).unwrap(), "quotes change nothing else");
}

#[test]
fn every_string_list_and_map_is_bounded() {
    let mut check = |path: &str, schema: &Value| match schema["type"].as_str() {
        Some("string") => assert!(schema["enum"].is_array() || schema["maxLength"].is_u64(), "{path}"),
        Some("array") => assert!(schema["maxItems"].is_u64(), "{path}"),
        Some("object") if schema["additionalProperties"].is_object() => {
            assert!(schema["maxProperties"].is_u64(), "{path}");
        }
        _ => {}
    };
    walk("spec", &schema_of("spec"), &mut check);
    walk("status", &schema_of("status"), &mut check);
}

#[test]
fn nothing_has_a_default_and_null_is_never_stored() {
    walk("spec", &schema_of("spec"), &mut |path, schema| {
        assert!(schema["default"].is_null() && schema["nullable"].is_null(), "{path}");
    });
}

#[test]
fn kubectl_explain_says_something_about_every_field() {
    let mut check = |path: &str, schema: &Value| {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{path}.{name} is not described");
        }
    };
    walk("spec", &schema_of("spec"), &mut check);
    walk("status", &schema_of("status"), &mut check);
}

#[test]
fn every_rule_has_a_message_and_only_the_host_is_required() {
    walk("spec", &schema_of("spec"), &mut |path, schema| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            assert!(rule["message"].is_string(), "{path}: {rule}");
        }
    });
    assert_eq!(schema_of("spec")["required"], serde_json::json!(["host"]));
}
