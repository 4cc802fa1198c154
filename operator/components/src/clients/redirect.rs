//! What an address of a redirect may look like. Addresses are compared as text (RFC 9700 §4.1.3), so this
//! says only whether one is safe to register: it is no parser of URLs, and refuses what it doesn't know.

/// Longest address in bytes.
const MAX_LEN: usize = 2048;

/// Schemes that a browser runs, reads from the disk or handles itself: never an app's own.
const NOT_PRIVATE: [&str; 14] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "mailto",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Whether an authorization response may be sent there: `https://…`, `http://` on the loopback interface
/// (RFC 8252 §7.3), or a scheme of an app's own (§7.1).
///
/// # Errors
/// Why it may not, in words.
pub(super) fn check(uri: &str) -> Result<(), &'static str> {
    if uri.is_empty() || uri.len() > MAX_LEN {
        return Err("must have 1 to 2048 characters");
    }
    // Backslashes, quotes and brackets are read differently by different parsers of URLs.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte)) {
        return Err("must consist of the characters that RFC 3986 allows");
    }
    if uri.contains('#') {
        return Err("must not have a fragment");
    }
    if uri.contains('*') {
        return Err("must not have a wildcard");
    }
    let (scheme, rest) = uri.split_once(':').ok_or("must be an absolute address")?;
    if !is_scheme(scheme) {
        return Err("must begin with a scheme in lower case");
    }
    let path = match (scheme, rest.strip_prefix("//")) {
        ("https", Some(rest)) => {
            let (authority, path) = split_authority(rest);
            host(authority)?;
            path
        }
        ("http", Some(rest)) => {
            let (authority, path) = split_authority(rest);
            if !matches!(host(authority)?, "localhost" | "127.0.0.1" | "[::1]") {
                return Err("must be https, unless its host is localhost, 127.0.0.1 or [::1]");
            }
            path
        }
        ("https" | "http", None) => return Err("must name a host"),
        (scheme, _) if NOT_PRIVATE.contains(&scheme) => {
            return Err("must not have a scheme of the browser's own");
        }
        (_, Some(rest)) => {
            let (authority, path) = split_authority(rest);
            if authority.contains('@') {
                return Err("must not have a user name");
            }
            path
        }
        (_, None) if rest.starts_with('/') => rest,
        _ => return Err("must go on with a slash after its scheme"),
    };
    let path = path.split('?').next().unwrap_or_default();
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("must not have dots for a path segment");
    }
    Ok(())
}

fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(allowed)
}

/// The authority, and what follows it.
fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// The host of an authority that has one, and maybe a port.
fn host(authority: &str) -> Result<&str, &'static str> {
    if authority.contains('@') {
        return Err("must not have a user name");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let number = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0)
    };
    if port.is_some_and(|port| !number(port)) {
        return Err("must have a port between 1 and 65535, or none");
    }
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let name = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
        && host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if literal || name { Ok(host) } else { Err("must name a host, in lower case") }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn addresses_of_sites_of_the_own_machine_and_of_apps_may_be_registered() {
        for uri in [
            "https://courses.example.com/auth/callback",
            "https://courses.example.com:8443/cb?from=app",
            "https://[2001:db8::1]/cb",
            "http://localhost:8080/auth/callback",
            "http://127.0.0.1:9/callback",
            "http://[::1]:9/callback",
            "http://127.0.0.1",
            "app://cb",
            "com.example.app:/oauth2redirect",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn an_address_that_could_lead_elsewhere_is_refused() {
        for uri in [
            "",
            "/auth/callback",
            "//courses.example.com/cb",
            "https:courses.example.com",
            "https:///cb",
            "https://",
            "https://courses.example.com/cb#part",
            "https://courses.example.com#",
            "https://user@courses.example.com/cb",
            "https://courses.example.com@evil.example/cb",
            "https://courses.example.com\\@evil.example/cb",
            "https://*.example.com/cb",
            "https://courses.example.com/*",
            "https://Courses.example.com/cb",
            "HTTPS://courses.example.com/cb",
            "https://courses..example.com/cb",
            "https://courses.example.com./cb",
            "https://courses.example.com:0/cb",
            "https://courses.example.com:80a/cb",
            "https://courses.example.com:/cb",
            "https://courses.example.com/a/../cb",
            "https://courses.example.com/cb/..",
            "https://courses.example.com/c b",
            "https://courses.example.com/ç",
            "https://[::1/cb",
            "http://courses.example.com/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.2/cb",
            "javascript:alert(1)",
            "javascript:/alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "app:cb",
            "app://user@cb",
            "1app://cb",
        ] {
            assert!(check(uri).is_err(), "{uri}");
        }
        assert!(check(&format!("https://a.example/{}", "x".repeat(2048))).is_err());
    }
}
