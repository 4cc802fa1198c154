//! One OpenAPI document out of those of the services.

use platform_components::Name;
use serde_json::{Map, Value, json};
use url::Url;

/// Merges the services' documents: paths as the gateway opens them, and each service's schemas under a name
/// of their own, since two services may call different things the same. A service without a document is named.
pub(super) fn merge(documents: impl IntoIterator<Item = (Name, Option<Value>)>, public: &Url) -> Value {
    let mut paths = Map::new();
    let mut tags = Vec::new();
    let mut components: Map<String, Value> = Map::new();
    for (name, document) in documents {
        let Some(mut document) = document else {
            tags.push(json!({ "name": name.as_str(), "description": "Does not answer right now." }));
            continue;
        };
        let prefix = format!("{}.", capitalized(name.as_str()));
        rename(&mut document, &prefix);
        let description = document["info"]["description"].as_str().unwrap_or_default();
        tags.push(json!({ "name": name.as_str(), "description": description }));
        for (path, mut item) in members(&mut document, "paths") {
            if path.starts_with("/internal") {
                continue;
            }
            for operation in item.as_object_mut().into_iter().flat_map(|it| it.values_mut()) {
                if let Some(operation) = operation.as_object_mut() {
                    operation.insert("tags".to_owned(), json!([name.as_str()]));
                    if let Some(id) = operation.get("operationId").and_then(Value::as_str) {
                        let id = format!("{name}_{id}");
                        operation.insert("operationId".to_owned(), id.into());
                    }
                }
            }
            let public = if path.starts_with("/v1") { format!("/services/{name}{path}") } else { path };
            paths.insert(public, item);
        }
        for (kind, members) in members(&mut document, "components") {
            let all = components.entry(kind.clone()).or_insert_with(|| json!({}));
            for (member, value) in object(members) {
                // Ways to authenticate are the platform's, and the same everywhere.
                let member = if kind == "securitySchemes" { member } else { format!("{prefix}{member}") };
                if let Some(all) = all.as_object_mut() {
                    all.insert(member, value);
                }
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Course platform",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that the platform's services offer, as it is called from outside.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": public.as_str().trim_end_matches('/') }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// Puts `prefix` into every reference to a component.
fn rename(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(reference) if key == "$ref" => {
                        if let Some((before, name)) = reference.rsplit_once('/')
                            && before.starts_with("#/components/")
                        {
                            *value = format!("{before}/{prefix}{name}").into();
                        }
                    }
                    _ => rename(value, prefix),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, prefix)),
        _ => {}
    }
}

/// Takes a member that should be an object out of a document that should be one.
fn members(document: &mut Value, name: &str) -> Map<String, Value> {
    document.get_mut(name).map(Value::take).map(object).unwrap_or_default()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_keep_their_own_schemas_and_get_their_public_paths() {
        let document = |title: &str| {
            json!({
                "info": { "description": title },
                "paths": {
                    "/v1/things": { "get": { "operationId": "list", "responses": { "200": {
                        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } }
                    } } } },
                    "/internal/v1/secret": { "get": {} },
                },
                "components": { "schemas": { "Thing": { "title": title } } },
            })
        };
        let documents = [(Name::Catalog, Some(document("c"))), (Name::Order, Some(document("o")))];
        let merged = merge(documents, &"https://courses.example.com".parse().unwrap());
        assert_eq!(merged["components"]["schemas"]["Catalog.Thing"]["title"], "c");
        assert_eq!(merged["components"]["schemas"]["Order.Thing"]["title"], "o");
        let operation = &merged["paths"]["/services/order/v1/things"]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Order.Thing");
        assert_eq!(operation["operationId"], "order_list");
        assert_eq!(operation["tags"], json!(["order"]));
        assert_eq!(merged["servers"][0]["url"], "https://courses.example.com");
        assert_eq!(merged["paths"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn rubbish_is_left_out_and_who_is_away_is_named() {
        let rubbish = json!({ "paths": 1, "components": "x" });
        let documents =
            [(Name::Catalog, Some(json!([]))), (Name::Basket, None), (Name::Order, Some(rubbish))];
        let merged = merge(documents, &"https://courses.example.com".parse().unwrap());
        assert_eq!(merged["paths"], json!({}));
        let tags: Vec<_> = merged["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        assert_eq!(tags, ["catalog", "basket", "order"]);
        assert_eq!(merged["tags"][1]["description"], "Does not answer right now.");
    }
}
