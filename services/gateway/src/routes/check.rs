//! What contradicts itself in a route, or another route.

use std::collections::BTreeMap;

use platform_components::{Limit, Route};

use super::error::Line;
use super::table::Entry;

/// Refuses a route that can't be meant as it stands.
///
/// # Errors
/// What it must be instead.
pub(super) fn alone(route: &Route, limits: &BTreeMap<String, Limit>) -> Result<(), String> {
    let wrong = |reason: &str| Err(reason.to_owned());
    if !route.path.starts_with(&route.strip_prefix) {
        return wrong("must begin with its `stripPrefix`");
    }
    if route.rewrite.is_some() && !route.strip_prefix.is_empty() {
        return wrong("has both `rewrite` and `stripPrefix`");
    }
    if route.cache.is_some() && route.upgrade {
        return wrong("can't keep answers where connections are upgraded");
    }
    if route.cache.is_some_and(|rule| rule.variants == 0 || rule.wait_seconds == 0) {
        return wrong("needs at least 1 variant and 1 second in its `cache`");
    }
    if route.methods.is_empty() {
        return wrong("needs at least one method");
    }
    if route.methods.iter().any(|method| method == "CONNECT") {
        return wrong("can't take CONNECT: this is no proxy for anywhere");
    }
    if let Some(method) = route.public_methods.iter().find(|it| !route.methods.contains(it)) {
        return Err(format!("has {method} among its `publicMethods` and not among its `methods`"));
    }
    if let Some(origin) = route.origins.iter().find(|origin| !is_origin(origin)) {
        return Err(format!(
            "its origin {origin:?} must be * or as browsers write one, such as https://other.example"
        ));
    }
    if route.timeout_seconds == 0 || route.idle_timeout_seconds == 0 || route.total_timeout_seconds == Some(0)
    {
        return wrong("needs timeouts of at least 1 second");
    }
    if route.retries > 5 {
        return wrong("may be tried again 5 times at most");
    }
    if !route.scopes.is_empty() && route.audience.is_none() {
        return wrong("needs an `audience` for its `scopes`");
    }
    match &route.limit {
        Some(class) if !limits.contains_key(class) => Err(format!("its limit {class} is not in `limits`")),
        _ => Ok(()),
    }
}

/// Whether a browser would write an origin like this (RFC 6454 §6.2): any other text would never be met.
fn is_origin(text: &str) -> bool {
    let same = |url: url::Url| url.origin().is_tuple() && url.origin().ascii_serialization() == text;
    text == "*" || text.parse().is_ok_and(same)
}

/// Whether a class of limits can be named in a header, a label and a key of Redis without more ado.
pub(super) fn is_class(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Refuses a route when a request could be for it or for one of `others` alike.
///
/// # Errors
/// Which of them, with its line.
pub(super) fn beside(entry: &Entry, others: &[(Entry, Line)]) -> Result<(), String> {
    let (route, pattern, hosts) = entry;
    for ((other, others_pattern, others_hosts), line) in others {
        let meet = hosts.is_empty() && others_hosts.is_empty()
            || hosts.iter().any(|host| others_hosts.contains(host));
        if !meet {
            continue;
        }
        let shared = route.methods.iter().find(|method| other.allows(method));
        if pattern.is_same(others_pattern)
            && let Some(method) = shared
        {
            return Err(format!("stands twice ({line}{} takes {method} too)", other.name()));
        }
        if pattern.clashes(others_pattern) {
            return Err(format!("is neither more nor less specific than {line}{}", other.name()));
        }
    }
    Ok(())
}
