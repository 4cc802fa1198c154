//! The CustomResourceDefinition as it is installed. What the derive makes is finished here: nulls are
//! pruned by the API server instead of being stored, and nothing is left without a bound.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::CoursePlatform;

/// Annotation with the version of the operator that the definition belongs to (OPERATOR rule 17).
pub const CRD_VERSION_ANNOTATION: &str = "courseplatform.dev/crd-version";

/// Bounds of whatever has no bound of its own. Unbounded, the API server counts with the largest
/// request that it takes and refuses rules as too costly.
const MAX_LENGTH: i64 = 1024;
const MAX_ITEMS: i64 = 64;
const MAX_PROPERTIES: i64 = 64;

/// The definition of `CoursePlatform`.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = CoursePlatform::crd();
    crd.metadata
        .annotations
        .get_or_insert_default()
        .insert(CRD_VERSION_ANNOTATION.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        for schema in root.properties.iter_mut().flatten().map(|(_, schema)| schema) {
            finish(schema);
        }
    }
    crd
}

/// The definition in YAML, for `kubectl apply`.
///
/// # Errors
/// When it can't be written as YAML.
pub fn crd_yaml() -> Result<String, serde_norway::Error> {
    let text = serde_norway::to_string(&crd())?;
    Ok(text.lines().map(|line| quoted(line) + "\n").collect())
}

/// A line whose key is `n` or `y` alone, the names of a key's members (RFC 7518 §6.2.1.3, §6.3.1.1), with quotes: kubectl
/// and helm read YAML 1.1, in which the two words without them are false and true.
fn quoted(line: &str) -> String {
    let key = line.trim_start();
    if matches!(key, "n:" | "y:") {
        let (indent, name) = (&line[..line.len() - key.len()], &key[..1]);
        return format!("{indent}\"{name}\":");
    }
    line.to_owned()
}

/// Takes the description from the schema of an enumeration: kube would put it in place of that of the
/// field, which says what absent means.
pub(crate) fn undescribed(schema: &mut schemars::Schema) {
    schema.remove("description");
}

/// Without `nullable` the API server drops nulls, so absent and null are the same for every rule.
fn finish(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    match schema.type_.as_deref() {
        Some("string") if schema.enum_.is_none() => {
            schema.max_length.get_or_insert(MAX_LENGTH);
        }
        Some("array") => {
            schema.max_items.get_or_insert(MAX_ITEMS);
        }
        Some("object") if schema.additional_properties.is_some() => {
            schema.max_properties.get_or_insert(MAX_PROPERTIES);
        }
        _ => {}
    }
    for (_, property) in schema.properties.iter_mut().flatten() {
        finish(property);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        finish(values);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        finish(items);
    }
}
