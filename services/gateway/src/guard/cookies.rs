//! Which cookies pass: the shop's session reaches web, the sign-in reaches identity, nothing reaches
//! anybody else. `Set-Cookie` is held to the same list, so that no service can set another one's cookie.

use http::header::{self, HeaderMap, HeaderValue};
use platform_components::Name;

/// What the names of a component's cookies are, or begin with before a hyphen. Browsers refuse the prefixed names
/// over plain HTTP.
fn allowed(upstream: Name, https: bool) -> Option<&'static str> {
    match (upstream, https) {
        (Name::Web, true) => Some("__Host-web"),
        (Name::Web, false) => Some("web"),
        (Name::Identity, true) => Some("__Secure-id"),
        (Name::Identity, false) => Some("id"),
        _ => None,
    }
}

/// Leaves the cookies that `upstream` may see.
pub(crate) fn request(headers: &mut HeaderMap, upstream: Name, https: bool) {
    if !headers.contains_key(header::COOKIE) {
        return;
    }
    let kept = allowed(upstream, https).and_then(|name| {
        // As bytes: a page's script may have set one that is no ASCII, which is no reason to lose the others.
        let values = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        let pairs = values.flat_map(|value| value.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
        let kept: Vec<_> = pairs.filter(|pair| is_named(pair, name)).collect();
        (!kept.is_empty()).then(|| HeaderValue::try_from(kept.join(b"; ".as_slice())).ok()).flatten()
    });
    match kept {
        Some(value) => drop(headers.insert(header::COOKIE, value)),
        None => drop(headers.remove(header::COOKIE)),
    }
}

/// Leaves the cookies that `upstream` may set.
pub(crate) fn response(headers: &mut HeaderMap, upstream: Name, https: bool) {
    if !headers.contains_key(header::SET_COOKIE) {
        return;
    }
    let name = allowed(upstream, https);
    let kept: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| name.is_some_and(|name| is_named(value.as_bytes(), name)))
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for value in kept {
        headers.append(header::SET_COOKIE, value);
    }
}

fn is_named(pair: &[u8], name: &str) -> bool {
    let mut parts = pair.splitn(2, |byte| *byte == b'=');
    let (Some(found), Some(_)) = (parts.next(), parts.next()) else { return false };
    let rest = found.trim_ascii().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(value: &str, upstream: Name, https: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        request(&mut headers, upstream, https);
        headers.get(header::COOKIE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    #[test]
    fn each_component_sees_its_own_cookies_only() {
        let all = "__Host-web=1; other=2; __Secure-id=3; web=4; id=5";
        assert_eq!(passed(all, Name::Web, true).as_deref(), Some("__Host-web=1"));
        assert_eq!(passed(all, Name::Identity, true).as_deref(), Some("__Secure-id=3"));
        assert_eq!(passed(all, Name::Web, false).as_deref(), Some("web=4"));
        assert_eq!(passed(all, Name::Identity, false).as_deref(), Some("id=5"));
        assert_eq!(passed(all, Name::Order, true), None);
        assert_eq!(passed("__Host-webx=1; x__Host-web=2", Name::Web, true), None);
        let others = "__Secure-id-form=1; __Secure-idle=2; id-form=3";
        assert_eq!(passed(others, Name::Identity, true).as_deref(), Some("__Secure-id-form=1"));
    }

    #[test]
    fn a_cookie_that_is_no_ascii_takes_no_other_with_it() {
        assert_eq!(passed("x=ü; __Host-web=1", Name::Web, true).as_deref(), Some("__Host-web=1"));
        assert_eq!(passed("__Host-web=1; ü; ü=1", Name::Web, true).as_deref(), Some("__Host-web=1"));
        assert_eq!(passed("__Host-web-a=ü", Name::Web, true).as_deref(), Some("__Host-web-a=ü"));
        assert_eq!(passed("__Host-web", Name::Web, true), None);
    }

    #[test]
    fn nobody_sets_another_ones_cookie() {
        let mut headers = HeaderMap::new();
        for value in ["__Host-web=1; Path=/; Secure", "__Secure-id=2", "tracking=3", "ü=4"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mut web = headers.clone();
        response(&mut web, Name::Web, true);
        let kept: Vec<_> = web.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(kept, ["__Host-web=1; Path=/; Secure"]);
        response(&mut headers, Name::Catalog, true);
        assert!(!headers.contains_key(header::SET_COOKIE));
    }
}
