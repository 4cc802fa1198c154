//! What a form of the page leads to. A form can put its values into a query only; here those of the path come into
//! the path, so that an operation can be tried without scripts. It leads to operations that are described, on this
//! platform, and nowhere else.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use platform_http::Problem;
use platform_http::problem;
use serde_json::Value;
use url::{Position, Url};

/// What is before the name of a parameter in a form: its kind, so that no parameter is taken for another.
pub(super) const PATH: &str = "path.";
pub(super) const QUERY: &str = "query.";
/// The field that names the operation.
pub(super) const OPERATION: &str = "operation";

/// The paths that can be read with GET, each with its parameters in the query.
#[derive(Debug, Default)]
pub(super) struct Operations(BTreeMap<String, Vec<String>>);

impl Operations {
    /// Those of a merged document.
    pub(super) fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let read = paths.filter(|(_, item)| item["get"].is_object());
        Self(read.map(|(path, item)| (path.clone(), names(&item["get"], "query"))).collect())
    }

    /// The path and query that a form with these fields asks for.
    ///
    /// # Errors
    /// A 404 for an operation that isn't described, a 400 for a path with a value missing.
    pub(super) fn target(&self, fields: &str) -> Result<String, Problem> {
        let fields: HashMap<Cow<'_, str>, Cow<'_, str>> =
            url::form_urlencoded::parse(fields.as_bytes()).collect();
        let operation = fields.get(OPERATION).and_then(|path| self.0.get_key_value(&**path));
        let (path, query) = operation.ok_or_else(|| problem::NOT_FOUND.detail("no such operation"))?;
        let segments = path.split('/').skip(1).map(|segment| filled(segment, &fields));
        let segments = segments.collect::<Result<Vec<_>, _>>()?;
        // Only what comes after the host is used of it.
        let mut url = Url::parse("http://localhost/").map_err(|error| Problem::internal(&error))?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        for name in query {
            let value = fields.get(&*format!("{QUERY}{name}")).filter(|value| !value.is_empty());
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(url[Position::BeforePath..].to_owned())
    }
}

/// The names of an operation's parameters of one kind.
pub(super) fn names(operation: &Value, kind: &str) -> Vec<String> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let of_kind = all.filter(|parameter| parameter["in"] == kind);
    of_kind.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

/// A segment of a path with the values of its variables.
fn filled(segment: &str, fields: &HashMap<Cow<'_, str>, Cow<'_, str>>) -> Result<String, Problem> {
    let mut text = String::new();
    let mut rest = segment;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let value = fields.get(&*format!("{PATH}{name}")).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| problem::MALFORMED.detail(format!("give a value for {name}")))?;
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    // Dots alone would lead to another path, and so would what a browser leaves out between them.
    if text == "." || text == ".." || text.contains(char::is_control) {
        return Err(
            problem::MALFORMED.detail("a value in a path can't be dots alone or have control characters")
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target(fields: &str) -> Result<String, u16> {
        let limit = json!({ "name": "limit", "in": "query" });
        let operations = Operations::of(&json!({ "paths": {
            "/services/catalog/v1/courses": { "get": { "parameters": [limit] }, "post": {} },
            "/photos/{id}/{file}": { "get": {} },
            "/services/order/v1/orders": { "post": {} },
        } }));
        operations.target(fields).map_err(|problem| problem.kind().status.as_u16())
    }

    #[test]
    fn values_come_to_their_places_and_nothing_else_does() {
        let courses = "operation=/services/catalog/v1/courses";
        assert_eq!(target(courses).unwrap(), "/services/catalog/v1/courses");
        let asked = target(&format!("{courses}&query.limit=2%263&query.other=1&limit=9&path.id=x"));
        assert_eq!(asked.unwrap(), "/services/catalog/v1/courses?limit=2%263");
        assert_eq!(target(&format!("{courses}&query.limit=")).unwrap(), "/services/catalog/v1/courses");
        let photo = "operation=/photos/{id}/{file}&path.id=%C5%9F%20a&path.file=card.webp";
        assert_eq!(target(photo).unwrap(), "/photos/%C5%9F%20a/card.webp");
    }

    #[test]
    fn no_value_leads_to_another_path_or_host() {
        let photo = |id: &str| target(&format!("operation=/photos/{{id}}/{{file}}&path.id={id}&path.file=b"));
        assert_eq!(photo("a/../../c").unwrap(), "/photos/a%2F..%2F..%2Fc/b");
        assert_eq!(photo("%252e%252e").unwrap(), "/photos/%252e%252e/b");
        assert_eq!(photo("//evil.example").unwrap(), "/photos/%2F%2Fevil.example/b");
        assert_eq!(photo("%3Fa%23%25%5C").unwrap(), "/photos/%3Fa%23%25%5C/b");
        for wrong in ["", ".", "..", "%2E%2e", ".%09.", "%0D%0Ax:y"] {
            assert_eq!(photo(wrong), Err(400), "{wrong}");
        }
        for unknown in ["", "operation=", "operation=//evil.example", "operation=/services/order/v1/orders"] {
            assert_eq!(target(unknown), Err(404), "{unknown}");
        }
    }
}
