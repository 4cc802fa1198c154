//! Hosts that routes are for. Without such routes nobody looks at the host here.

use std::borrow::Cow;

use http::header;
use http::request::Parts;

/// A host of the routes file, in lower case. Ordered from the most specific to the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    /// This very name.
    Name(String),
    /// All names below one: what they end with, from the dot on. Longer ones are first.
    Below(std::cmp::Reverse<usize>, String),
}

impl Host {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let label = |label: &str| !label.is_empty() && label.len() < 64 && label.bytes().all(plain);
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(format!(
                "its host {text:?} must be a name in lower case, or one behind `*.`, without a port"
            ));
        }
        Ok(match text.strip_prefix('*') {
            Some(end) => Self::Below(std::cmp::Reverse(end.len()), end.to_owned()),
            None => Self::Name(text.to_owned()),
        })
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => name == host,
            Self::Below(_, end) => host.len() > end.len() && host.ends_with(end),
        }
    }
}

/// The host that a request is for, as [`Host`] is written: lower case, without port and last dot.
pub(crate) fn of(parts: &Parts) -> Option<Cow<'_, str>> {
    let text = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => parts.headers.get(header::HOST)?.to_str().ok()?,
    };
    let name = text.rsplit_once(':').map_or(text, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { text }
    });
    let name = name.strip_suffix('.').unwrap_or(name);
    Some(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    #[test]
    fn names_match_exactly_and_wildcards_below() {
        assert!(
            host("a.example.org").matches("a.example.org") && !host("example.org").matches("a.example.org")
        );
        let below = host("*.example.org");
        assert!(below.matches("a.example.org") && below.matches("a.b.example.org"));
        assert!(!below.matches("example.org") && !below.matches("evilexample.org"));
        assert!(host("z.org") < host("*.a.example.org") && host("*.a.example.org") < host("*.example.org"));
        for wrong in ["", "*", "*.", "a:80", "A.org", "a..b", "*.*.org", "a.*", "a b"] {
            assert!(Host::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_requests_host_is_compared_without_port_and_case() {
        for (sent, expected) in
            [("Shop.Example.ORG:8443", "shop.example.org"), ("a.org.", "a.org"), ("[::1]:80", "[::1]")]
        {
            let (parts, ()) = http::Request::get("/").header("host", sent).body(()).unwrap().into_parts();
            assert_eq!(of(&parts).unwrap(), expected);
        }
    }
}
