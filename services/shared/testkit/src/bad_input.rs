//! Bodies that no route may accept, and none may answer with a 5xx: malformed, of wrong types, with unknown
//! fields, too long, too deep and too large. Every service's tests send them to every route that takes JSON.

use http::Method;
use serde_json::{Map, Value, json};

use crate::{Answer, Api};

/// Nested deeper than serde_json's limit of 128.
const DEEP: usize = 10_000;
/// Longer than any text field may be.
const LONG: usize = 100_000;
/// Larger than any JSON route's limit.
const LARGE: usize = 3 * 1024 * 1024;

/// Sends everything that is wrong whatever the route expects, with POST, and asserts a 4xx in problem form
/// each time.
///
/// # Panics
/// With the body sent and the answer, when it is something else.
pub async fn check(api: &Api, path: &str) {
    check_method(api, Method::POST, path).await;
}

/// [`check`] with another method.
///
/// # Panics
/// With the body sent and the answer, when it is something else.
pub async fn check_method(api: &Api, method: Method, path: &str) {
    for (what, body) in malformed() {
        let answer = api.send(method.clone(), path, Some("application/json"), body.clone()).await;
        refused(&answer, what, &body);
    }
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("multipart/form-data")]
    {
        let answer = api.send(method.clone(), path, content_type, "{}").await;
        refused(&answer, "another content type", content_type.unwrap_or("none").as_bytes());
    }
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(LARGE)).into_bytes();
    large_is_refused(api, method, path, large).await;
}

/// [`check`], then each part of a body that the route accepts made wrong: taken away from its kind, too
/// long, or joined by a field that does not exist. `example` itself is never sent.
///
/// # Panics
/// With the body sent and the answer, when it is not a 4xx in problem form.
pub async fn check_with(api: &Api, method: Method, path: &str, example: &Value) {
    check_method(api, method.clone(), path).await;
    for (what, body) in spoiled(example) {
        let text = body.to_string();
        let answer = api.send(method.clone(), path, Some("application/json"), text.clone()).await;
        refused(&answer, &what, text.as_bytes());
    }
}

/// A server may answer and close before a large body is through; then the client may see the closed
/// connection before the answer. One answer in a few tries is asked for.
async fn large_is_refused(api: &Api, method: Method, path: &str, body: Vec<u8>) {
    let mut last = None;
    for _ in 0..5 {
        match api.apart().try_send(method.clone(), path, Some("application/json"), body.clone()).await {
            Ok(answer) => return refused(&answer, "a body of 3 MB", b""),
            Err(error) => last = Some(error),
        }
    }
    panic!("{method} {path}: no answer to a body of 3 MB: {last:?}");
}

fn refused(answer: &Answer, what: &str, body: &[u8]) {
    let start = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    assert!(
        answer.status.is_client_error(),
        "{what} was answered with {} instead of a 4xx\nbody: {start}\nanswer: {}",
        answer.status,
        answer.text()
    );
    answer.any_problem();
}

fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let text: [(&str, &str); 15] = [
        ("an empty body", ""),
        ("an object that does not end", "{"),
        ("a string that does not end", "{\"a\":\"b"),
        ("no JSON", "hello"),
        ("XML", "<?xml version=\"1.0\"?><a/>"),
        ("two values", "{} {}"),
        ("a comma at the end", "{\"a\":1,}"),
        ("a comment", "{/* */}"),
        ("null", "null"),
        ("an array", "[]"),
        ("a number", "1"),
        ("a string", "\"x\""),
        ("half a character", "{\"a\":\"\\ud800\"}"),
        ("a number beyond all bounds", "{\"a\":1e999}"),
        ("a field that does not exist", "{\"no_such_field\":1}"),
    ];
    let mut all: Vec<(&str, Vec<u8>)> = text.into_iter().map(|(what, body)| (what, body.into())).collect();
    all.push(("invalid UTF-8", b"{\"a\":\"\xff\xfe\"}".to_vec()));
    all.push(("a byte order mark", b"\xef\xbb\xbf{}".to_vec()));
    all.push(("a zero byte", b"{\"a\":\"\0\"}".to_vec()));
    all.push(("deep arrays", [vec![b'['; DEEP], vec![b']'; DEEP]].concat()));
    all.push(("deep objects", [b"{\"a\":".repeat(DEEP), b"1".to_vec(), vec![b'}'; DEEP]].concat()));
    all
}

/// Every way in which one part of the example can be of the wrong kind.
fn spoiled(example: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let mut pointers = Vec::new();
    collect(example, String::new(), &mut pointers);
    for pointer in &pointers {
        let Some(value) = example.pointer(pointer) else { continue };
        for wrong in wrong_kinds(value) {
            let mut body = example.clone();
            if let Some(part) = body.pointer_mut(pointer) {
                *part = wrong;
                all.push((format!("a wrong value at {pointer:?}"), body));
            }
        }
        if value.is_object() {
            let mut body = example.clone();
            if let Some(object) = body.pointer_mut(pointer).and_then(Value::as_object_mut) {
                object.insert("no_such_field".to_owned(), json!(true));
                all.push((format!("an unknown field at {pointer:?}"), body));
            }
        }
    }
    all
}

fn collect(value: &Value, pointer: String, all: &mut Vec<String>) {
    let empty = Map::new();
    for (key, part) in value.as_object().unwrap_or(&empty) {
        collect(part, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), all);
    }
    for (index, part) in value.as_array().into_iter().flatten().enumerate() {
        collect(part, format!("{pointer}/{index}"), all);
    }
    all.push(pointer);
}

/// Values that can't be right where `value` is. Null is not among them: it may stand for "none".
fn wrong_kinds(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![],
        Value::Bool(_) => vec![json!("yes"), json!(1), json!([])],
        Value::Number(_) => vec![json!("many"), json!(true), json!({}), json!(1e300), json!(i64::MIN)],
        Value::String(_) => vec![json!(1), json!(false), json!([]), json!({}), json!("x".repeat(LONG))],
        Value::Array(_) => vec![json!("x"), json!({}), json!(vec![json!({ "no_such_field": 1 }); 2])],
        Value::Object(_) => vec![json!("x"), json!(1), json!([])],
    }
}
