//! The description of all APIs for people: one page, with a form for what can be read and a command for each
//! operation to try it. Complete without scripts; its only one lets forms send a token.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::attempt::{OPERATION, PATH, QUERY};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    code,pre,output{font:0.9rem/1.4 ui-monospace,monospace}pre{background:#f4f4f4;padding:.5rem}\
    summary{cursor:pointer;padding:.3rem 0}b{display:inline-block;min-width:4.5rem}\
    table{border-collapse:collapse}td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}td+td{min-width:4rem}\
    code,p,pre,td,output{overflow-wrap:anywhere}pre,output{white-space:pre-wrap}\
    form{margin:.5rem 0}label{display:inline-block;margin-right:1rem}input,button{font:inherit;max-width:100%}\
    output{display:block}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#eee}pre{background:#222}a{color:#8cf}\
    input,button{background:#222;color:#eee;border:1px solid #888}}";
const SCRIPT: &str = include_str!("try.js");
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The content security policy of the page: this very style and this very script, and nothing foreign.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        let (style, script) = (hash(STYLE), hash(SCRIPT));
        format!(
            "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
    });
    &POLICY
}

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
         <p>{}</p><p>The same <a href=\"/services/openapi.json\">as OpenAPI</a>. What needs an access token \
         (<code>Authorization: Bearer …</code>) says so; a form without one gets the refusal.</p>\
         <p hidden><label for=\"token\">Token for the forms of this page</label> \
         <input id=\"token\" type=\"password\" autocomplete=\"off\"></p>",
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
    let _ = writeln!(html, "</main><script>{SCRIPT}</script></html>");
    html
}

fn write_operation(html: &mut String, server: &str, path: &str, method: &str, operation: &Value) {
    let upper = method.to_ascii_uppercase();
    let summary = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
    let _ = write!(
        html,
        "<details><summary><b>{upper}</b> <code>{}</code> {}</summary><p>{}</p>",
        escape(path),
        prose(summary),
        prose(operation["description"].as_str().unwrap_or_default())
    );
    let scopes = operation["security"].as_array().and_then(|ways| ways.first());
    if let Some(scopes) = scopes {
        let named = scopes.as_object().into_iter().flatten().filter_map(|(_, scopes)| scopes.as_array());
        let named: String = named.flatten().map(|scope| format!(" <code>{}</code>", text(scope))).collect();
        let _ = write!(html, "<p>Needs a token{}{named}.</p>", if named.is_empty() { "" } else { " with" });
    }
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
                prose(parameter["description"].as_str().unwrap_or_default())
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
    html.push_str("</table>");
    if method == "get" {
        write_form(html, path, parameters);
    }
    let mut command = format!("curl -X {upper} '{server}{path}'");
    if scopes.is_some() {
        command.push_str(" -H \"Authorization: Bearer $TOKEN\"");
    }
    if body.get("application/json").is_some() {
        command.push_str(" -H 'Content-Type: application/json' -d @body.json");
    }
    let _ = write!(html, "<pre>{}</pre></details>", escape(&command));
}

/// A form that leads to what the operation reads.
fn write_form(html: &mut String, path: &str, parameters: &[Value]) {
    let path = escape(path);
    let _ = write!(
        html,
        "<form action=\"/docs/try\"><input type=\"hidden\" name=\"{OPERATION}\" value=\"{path}\">"
    );
    for parameter in parameters {
        let kind = match parameter["in"].as_str() {
            Some("path") => PATH,
            Some("query") => QUERY,
            _ => continue,
        };
        let name = text(&parameter["name"]);
        let required = if parameter["required"] == true { " required" } else { "" };
        let _ = write!(html, "<label>{name} <input name=\"{kind}{name}\"{required}></label>");
    }
    html.push_str("<button>Try it</button><output></output></form>");
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

/// A description, in which names stand between backticks.
fn prose(text: &str) -> String {
    let text = escape(text);
    if !text.matches('`').count().is_multiple_of(2) {
        return text;
    }
    let code = |(number, part): (usize, &str)| match number % 2 {
        1 => format!("<code>{part}</code>"),
        _ => part.to_owned(),
    };
    text.split('`').enumerate().map(code).collect()
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
                "security": [{ "access_token": ["order.buy"] }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Order.New" } } } },
            } } },
            "components": { "schemas": { "Order.New": { "type": "object" } } },
        }));
        assert!(page.contains("<b>POST</b> <code>/services/order/v1/orders</code> Buy"), "{page}");
        assert!(page.contains("<a href=\"#Order.New\">") && page.contains("<details id=\"Order.New\">"));
        assert!(page.contains("curl -X POST") && page.contains("Needs a token with <code>order.buy</code>."));
        assert!(page.contains("<title>&lt;script&gt;</title>") && page.matches("<script").count() == 1);
        assert!(!page.contains("<form"), "what changes something is tried by its command");
    }

    #[test]
    fn what_can_be_read_has_a_form_with_its_parameters() {
        let parameters = json!([
            { "name": "id", "in": "path", "required": true },
            { "name": "\"x", "in": "query", "description": "the `next` of `<b>`" },
            { "name": "If-None-Match", "in": "header" },
        ]);
        let page = render(&json!({
            "tags": [{ "name": "catalog" }],
            "paths": { "/services/catalog/v1/courses/{id}": {
                "get": { "tags": ["catalog"], "parameters": parameters },
            } },
        }));
        let form = page.split("<form ").nth(1).unwrap().split("</form>").next().unwrap();
        assert_eq!(
            form,
            "action=\"/docs/try\"><input type=\"hidden\" name=\"operation\" \
             value=\"/services/catalog/v1/courses/{id}\"><label>id <input name=\"path.id\" required></label>\
             <label>&quot;x <input name=\"query.&quot;x\"></label><button>Try it</button><output></output>"
        );
        assert!(page.contains("the <code>next</code> of <code>&lt;b&gt;</code>"), "{page}");
        assert!(!page.contains("Authorization: Bearer $TOKEN"), "nobody asks for one here");
    }
}
