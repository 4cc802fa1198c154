//! Forms come from our own pages only: a hidden field that belongs to a cookie of the browser, and `Origin`.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};

use crate::capability;
use crate::cookies::{Cookie, Jar};

/// What forms of one browser are checked with.
#[derive(Debug, Clone)]
pub(crate) struct Csrf {
    /// The hidden field's value; empty, and so never right, when there is no cookie.
    token: String,
    set_cookie: Option<HeaderValue>,
}

impl Csrf {
    /// From the browser's cookie, or with a new one.
    pub(super) fn of(jar: Jar, headers: &HeaderMap) -> Self {
        if let Some(cookie) = jar.read(headers, Cookie::Form).filter(|it| capability::hash(it).is_some()) {
            return Self { token: token(cookie), set_cookie: None };
        }
        match capability::generate() {
            Ok(cookie) => Self { token: token(&cookie), set_cookie: jar.set(Cookie::Form, &cookie, None) },
            Err(_) => Self { token: String::new(), set_cookie: None },
        }
    }

    /// The value of the hidden field `csrf`.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// `Set-Cookie` to go with the page, when the browser has none.
    pub(super) fn set_cookie(&self) -> Option<&HeaderValue> {
        self.set_cookie.as_ref()
    }

    /// Whether a form that this browser sent has the right field.
    pub(super) fn accepts(&self, field: Option<&str>) -> bool {
        // Whoever had no cookie was not given a form.
        let known = self.set_cookie.is_none() && !self.token.is_empty();
        let field = field.unwrap_or_default();
        known && verify_slices_are_equal(field.as_bytes(), self.token.as_bytes()).is_ok()
    }
}

/// Not the cookie itself, which no page needs to show.
fn token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(capability::sha256(format!("form:{cookie}").as_bytes()))
}

/// Whether a request was made by a page of `origin`. Browsers say so with every form, in one header or two; a
/// program that says nothing has the field to show.
pub(super) fn is_from(origin: &str, headers: &HeaderMap) -> bool {
    let same_site = headers.get("sec-fetch-site").is_none_or(|it| it == "same-origin" || it == "none");
    headers.get(header::ORIGIN).map_or(same_site, |it| it == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAR: Jar = Jar { https: false };

    #[test]
    fn a_field_belongs_to_one_browsers_cookie() {
        let first = Csrf::of(JAR, &HeaderMap::new());
        let cookie = first.set_cookie().unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
        let headers = HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())]);
        let again = Csrf::of(JAR, &headers);
        assert!(again.set_cookie().is_none() && again.accepts(Some(first.token())));
        for wrong in [None, Some(""), Some("x"), Some(cookie.split_once('=').unwrap().1)] {
            assert!(!again.accepts(wrong), "{wrong:?}");
        }
        let other = Csrf::of(JAR, &HeaderMap::new());
        assert!(!again.accepts(Some(other.token())));
        assert!(!other.accepts(Some(other.token())), "a browser without the cookie");
    }

    #[test]
    fn another_origin_is_another_page() {
        let from = |name: &'static str, value: &str| {
            is_from(
                "https://shop.example",
                &HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]),
            )
        };
        assert!(from("origin", "https://shop.example") && from("sec-fetch-site", "same-origin"));
        for origin in ["null", "http://shop.example", "https://evil.example", "https://shop.example.evil"] {
            assert!(!from("origin", origin), "{origin}");
        }
        assert!(!from("sec-fetch-site", "cross-site") && is_from("https://shop.example", &HeaderMap::new()));
    }
}
