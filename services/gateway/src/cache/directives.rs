//! `Cache-Control` of an answer (RFC 9111 §5.2.2, RFC 5861), as a cache that many clients share reads it.

use http::header::{self, HeaderMap};

/// What an answer says about being kept. Seconds are at most [`LONGEST`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Directives {
    /// `no-store`, or something that can't be read.
    pub(super) no_store: bool,
    /// `no-cache`, of single fields too: it is used only after the upstream was asked.
    pub(super) no_cache: bool,
    /// `private`, of single fields too.
    pub(super) private: bool,
    pub(super) public: bool,
    /// `must-revalidate` or `proxy-revalidate`: never used stale.
    pub(super) must_revalidate: bool,
    pub(super) max_age: Option<u64>,
    pub(super) shared_max_age: Option<u64>,
    pub(super) stale_while_revalidate: u64,
    pub(super) stale_if_error: u64,
}

/// More than any lifetime means: 68 years, as RFC 9111 §1.2.2 has it.
const LONGEST: u64 = 1 << 31;

impl Directives {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for value in headers.get_all(header::CACHE_CONTROL) {
            let Ok(value) = value.to_str() else {
                found.no_store = true;
                continue;
            };
            for directive in split(value) {
                let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
                found.take(name.trim(), argument.trim().trim_matches('"'));
            }
        }
        found
    }

    fn take(&mut self, name: &str, argument: &str) {
        match name.to_ascii_lowercase().as_str() {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "public" => self.public = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
            "max-age" => self.max_age = Some(shorter(self.max_age, seconds(argument))),
            "s-maxage" => self.shared_max_age = Some(shorter(self.shared_max_age, seconds(argument))),
            "stale-while-revalidate" => self.stale_while_revalidate = seconds(argument),
            "stale-if-error" => self.stale_if_error = seconds(argument),
            _ => {}
        }
    }
}

/// What is said twice holds as it is shorter.
fn shorter(known: Option<u64>, seconds: u64) -> u64 {
    known.map_or(seconds, |known| known.min(seconds))
}

/// What is no number is no time (RFC 9111 §4.2.1: such an answer is stale).
fn seconds(text: &str) -> u64 {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(LONGEST).min(LONGEST)
}

/// Parts between commas that stand outside quotes.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = value.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(values: &[&'static str]) -> Directives {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
        }
        Directives::of(&headers)
    }

    #[test]
    fn directives_are_read_in_any_case_and_over_several_headers() {
        let found = of(&["Public, MAX-AGE=60", "s-maxage=\"5\" , stale-if-error=7,must-revalidate"]);
        assert!(found.public && found.must_revalidate && !found.private && !found.no_store);
        assert_eq!((found.max_age, found.shared_max_age, found.stale_if_error), (Some(60), Some(5), 7));
    }

    #[test]
    fn what_is_doubtful_is_kept_shorter_or_not_at_all() {
        assert_eq!(of(&["max-age=60, max-age=5"]).max_age, Some(5));
        assert_eq!(of(&["max-age=-1"]).max_age, Some(0));
        assert_eq!(of(&["max-age=soon"]).max_age, Some(0));
        assert_eq!(of(&["max-age"]).max_age, Some(0));
        assert_eq!(of(&["max-age=99999999999999999999"]).max_age, Some(LONGEST));
        assert!(of(&["private=\"x, y\", max-age=5"]).private);
        assert!(of(&["no-cache=\"set-cookie\""]).no_cache);
        // Inside quotes nothing is a directive.
        assert!(!of(&["x=\"a, public\""]).public);
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_bytes(b"public, \xff").unwrap());
        assert!(Directives::of(&headers).no_store);
    }
}
