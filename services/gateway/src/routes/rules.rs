//! Header rules of a route. They can't touch what decides who calls, where a message ends or how it may be
//! kept: those headers are the gateway's.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use platform_components::HeaderRules;

use crate::guard;

/// What no rule may name, beside what the gateway strips anyway.
const RESERVED: &[&str] = &[
    "accept-encoding",
    "age",
    "authorization",
    "cache-status",
    "content-encoding",
    "content-length",
    "content-range",
    "cookie",
    "date",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "ratelimit",
    "ratelimit-policy",
    "set-cookie",
    "trailer",
    "vary",
    "www-authenticate",
    "x-trace-id",
];

/// The rules of one direction, ready to be used.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    add: Vec<(HeaderName, HeaderValue)>,
}

impl Rules {
    /// # Errors
    /// Which rule is wrong, and why.
    pub(super) fn compile(rules: &HeaderRules) -> Result<Self, String> {
        let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
            let pair = |(header, text): (&String, &String)| Ok((name(header)?, value(header, text)?));
            pairs.iter().map(pair).collect::<Result<Vec<_>, String>>()
        };
        let remove = rules.remove.iter().map(|header| name(header)).collect::<Result<_, _>>()?;
        Ok(Self { remove, set: pairs(&rules.set)?, add: pairs(&rules.add)? })
    }

    /// Changes the headers of one message.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name.clone(), value.clone());
        }
    }
}

fn name(header: &str) -> Result<HeaderName, String> {
    let name: HeaderName = header.parse().map_err(|_| format!("its header {header:?} is none"))?;
    let text = name.as_str();
    if guard::is_removed(text) || RESERVED.contains(&text) || text.starts_with("access-control-") {
        return Err(format!("its header {header} is the gateway's own and can't be changed"));
    }
    Ok(name)
}

fn value(header: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text)
        .map_err(|_| format!("its header {header} has a value that no header can have"))
}
