//! The description of all APIs for people: one page, readable without scripts, with a command for each
//! operation to try it.

use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    code,pre{font:0.9rem/1.4 ui-monospace,monospace}pre{overflow:auto;background:#f4f4f4;padding:.5rem}\
    summary{cursor:pointer;padding:.3rem 0}b{display:inline-block;min-width:4.5rem}\
    table{border-collapse:collapse}td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#eee}pre{background:#222}a{color:#8cf}}";
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The page for a merged document.
pub(super) fn render(document: &Value) -> String {
    let mut html = String::with_capacity(64 * 1024);
    let title = text(&document["info"]["title"]);
    let server = document["servers"][0]["url"].as_str().unwrap_or_default();
    // Writing to a string can't fail.
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>\
         <p>{}</p><p>The same <a href=\"/services/openapi.json\">as OpenAPI</a>. Everything but reading the \
         catalog needs an access token: <code>Authorization: Bearer …</code>.</p>",
        text(&document["info"]["description"])
    );
    let empty = Vec::new();
    for tag in document["tags"].as_array().unwrap_or(&empty) {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(html, "<h2 id=\"{0}\">{0}</h2><p>{1}</p>", escape(name), text(&tag["description"]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let operation = &item[method];
                if operation["tags"][0].as_str() == Some(name) {
                    write_operation(&mut html, server, path, method, operation);
                }
            }
        }
    }
    html.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let name = escape(name);
        let _ = write!(
            html,
            "<details id=\"{name}\"><summary><code>{name}</code></summary><pre>{}</pre></details>",
            escape(&serde_json::to_string_pretty(schema).unwrap_or_default())
        );
    }
    html.push_str("</main></html>\n");
    html
}

fn write_operation(html: &mut String, server: &str, path: &str, method: &str, operation: &Value) {
    let upper = method.to_ascii_uppercase();
    let summary = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
    let _ = write!(
        html,
        "<details><summary><b>{upper}</b> <code>{}</code> {}</summary><p>{}</p>",
        escape(path),
        escape(summary),
        text(&operation["description"])
    );
    let empty = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&empty);
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>parameter<th>in<th>what");
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><td><code>{}</code>{}<td>{}<td>{}",
                text(&parameter["name"]),
                if parameter["required"] == true { " *" } else { "" },
                text(&parameter["in"]),
                text(&parameter["description"])
            );
        }
        html.push_str("</table>");
    }
    let body = &operation["requestBody"]["content"];
    for (kind, content) in body.as_object().into_iter().flatten() {
        let _ = write!(html, "<p>Body: <code>{}</code> {}</p>", escape(kind), link(&content["schema"]));
    }
    html.push_str("<table><tr><th>answer<th>what<th>body");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let schema = answer["content"].as_object().and_then(|it| it.values().next()).map(|it| &it["schema"]);
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}",
            escape(status),
            text(&answer["description"]),
            schema.map(link).unwrap_or_default()
        );
    }
    let mut command = format!("curl -X {upper} '{server}{path}' -H \"Authorization: Bearer $TOKEN\"");
    if body.get("application/json").is_some() {
        command.push_str(" -H 'Content-Type: application/json' -d @body.json");
    }
    let _ = write!(html, "</table><pre>{}</pre></details>", escape(&command));
}

/// A schema by its name, or its type where it has none.
fn link(schema: &Value) -> String {
    match schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => format!("<a href=\"#{0}\"><code>{0}</code></a>", escape(name)),
        None => format!("<code>{}</code>", text(&schema["type"])),
    }
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_shows_each_operation_and_nothing_of_it_is_markup() {
        let page = render(&json!({
            "info": { "title": "<script>", "description": "d" },
            "servers": [{ "url": "https://courses.example.com" }],
            "tags": [{ "name": "order", "description": "Orders" }],
            "paths": { "/services/order/v1/orders": { "post": {
                "tags": ["order"], "summary": "Buy", "responses": { "201": { "description": "bought" } },
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Order.New" } } } },
            } } },
            "components": { "schemas": { "Order.New": { "type": "object" } } },
        }));
        assert!(page.contains("<b>POST</b> <code>/services/order/v1/orders</code> Buy"), "{page}");
        assert!(page.contains("<a href=\"#Order.New\">") && page.contains("<details id=\"Order.New\">"));
        assert!(page.contains("curl -X POST"));
        assert!(!page.contains("<script"));
    }
}
