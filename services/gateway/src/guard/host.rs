//! Whom a request is for: one host, and one that can be nothing but a host.

use http::header;
use http::request::Parts;
use platform_http::Problem;
use platform_http::problem;

/// Refuses requests whose host is unclear: none, several, or a text that names none.
///
/// # Errors
/// A 400.
pub(crate) fn check(parts: &Parts) -> Result<(), Problem> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let authority = parts.uri.authority();
    // One host, no more and no less (RFC 9112 §3.2); HTTP/2 carries it in `:authority`.
    let detail = if more.is_some() || (host.is_none() && authority.is_none()) {
        "send exactly one `Host`"
    } else if host.is_some_and(|host| !is_host(host.as_bytes()))
        || authority.is_some_and(|authority| !is_host(authority.as_str().as_bytes()))
    {
        "`Host` must be a name or an address, and a port if need be"
    } else {
        return Ok(());
    };
    metrics::counter!("gateway_requests_malformed_total").increment(1);
    Err(problem::MALFORMED.detail(detail))
}

/// Whether this is a name or an address, with a port or without (RFC 3986 §3.2.2). User information is refused, as
/// RFC 9110 §4.2.4 wishes: it is there to make one host look like another one.
fn is_host(text: &[u8]) -> bool {
    let (name, port) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let mut parts = rest.splitn(2, |byte| *byte == b']');
            let (address, Some(after)) = (parts.next().unwrap_or_default(), parts.next()) else {
                return false;
            };
            let is_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if !address.iter().all(is_address) {
                return false;
            }
            match (after, after.strip_prefix(b":")) {
                ([], _) => (address, None),
                (_, Some(port)) => (address, Some(port)),
                _ => return false,
            }
        }
        None => {
            let mut parts = text.splitn(2, |byte| *byte == b':');
            let (name, port) = (parts.next().unwrap_or_default(), parts.next());
            if !name.iter().all(|byte| is_of_a_name(*byte)) {
                return false;
            }
            (name, port)
        }
    };
    !name.is_empty() && port.is_none_or(|port| port.iter().all(u8::is_ascii_digit))
}

/// Of a `reg-name`: unreserved, sub-delims, and the sign of percent encoding.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_and_nothing_else_is() {
        for host in [
            "x",
            "a.example.org",
            "a.example.org:8443",
            "a:",
            "192.0.2.1:80",
            "[::1]",
            "[2001:db8::1]:80",
            "a_b",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for wrong in [
            "", ":80", "a b", "u@h", "u:p@h", "a:b", "a:80:80", "a/b", "a?b", "a#b", "[::1", "[::1]80", "[]",
            "[x]", "ü", "a\\b",
        ] {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
    }
}
