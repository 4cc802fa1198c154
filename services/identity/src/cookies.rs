//! Cookies of this service. Over https their names begin with `__Secure-id`, which makes browsers refuse them
//! from plain http, and which the gateway passes to this service alone; over plain http browsers refuse the
//! prefix itself.

use http::{HeaderMap, HeaderValue, header};
use time::Duration;

/// One cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// What the hidden field of a form is compared with.
    Form,
    /// The password was right, and the second factor is asked for.
    Step,
    /// A browser that somebody signed in with before.
    Device,
    /// The chosen language.
    Language,
}

/// Reads and writes cookies, by whether the public address is https.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jar {
    pub(crate) https: bool,
}

impl Jar {
    fn name(self, cookie: Cookie) -> &'static str {
        match (cookie, self.https) {
            (Cookie::Session, true) => "__Secure-id",
            (Cookie::Session, false) => "id",
            (Cookie::Form, true) => "__Secure-id-form",
            (Cookie::Form, false) => "id-form",
            (Cookie::Step, true) => "__Secure-id-step",
            (Cookie::Step, false) => "id-step",
            (Cookie::Device, true) => "__Secure-id-device",
            (Cookie::Device, false) => "id-device",
            (Cookie::Language, true) => "__Secure-id-language",
            (Cookie::Language, false) => "id-language",
        }
    }

    /// The cookie's value. One that comes twice is none: whoever sent the second wanted to be believed.
    pub(crate) fn read(self, headers: &HeaderMap, cookie: Cookie) -> Option<&str> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == self.name(cookie)).map(|(_, value)| value);
        let value = ours.next()?;
        ours.next().is_none().then_some(value)
    }

    /// `Set-Cookie` for a value of visible ASCII, kept this long, or as long as the browser runs.
    pub(crate) fn set(self, cookie: Cookie, value: &str, kept: Option<Duration>) -> Option<HeaderValue> {
        let secure = if self.https { "; Secure" } else { "" };
        let kept = kept.map(|kept| format!("; Max-Age={}", kept.whole_seconds())).unwrap_or_default();
        let name = self.name(cookie);
        HeaderValue::try_from(format!("{name}={value}; Path=/identity{kept}; SameSite=Lax; HttpOnly{secure}"))
            .ok()
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn remove(self, cookie: Cookie) -> Option<HeaderValue> {
        self.set(cookie, "", Some(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::COOKIE, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_the_exact_name_counts_and_only_once() {
        let jar = Jar { https: true };
        let read = |values: &[&str]| jar.read(&headers(values), Cookie::Session).map(str::to_owned);
        assert_eq!(read(&["a=b; __Secure-id=x; __Secure-id-form=y"]).as_deref(), Some("x"));
        assert_eq!(read(&["id=x"]), None);
        assert_eq!(read(&["__Secure-id=x; __Secure-id=y"]), None);
        assert_eq!(read(&["__Secure-id=x", "__Secure-id=x"]), None);
    }

    #[test]
    fn cookies_are_bound_to_this_service_and_to_https() {
        let value = Jar { https: true }.set(Cookie::Session, "x", Some(Duration::MINUTE)).unwrap();
        assert_eq!(value, "__Secure-id=x; Path=/identity; Max-Age=60; SameSite=Lax; HttpOnly; Secure");
        let value = Jar { https: false }.set(Cookie::Session, "x", None).unwrap();
        assert_eq!(value, "id=x; Path=/identity; SameSite=Lax; HttpOnly");
    }
}
