//! Whether an answer may be kept, and for how long it is fresh (RFC 9111 §3 and §4.2).
//!
//! It keeps only what says that it may be kept: nothing is guessed from a `Last-Modified`. What was asked
//! with a token or a cookie is kept only when the answer says `public`, though RFC 9111 §3.5 would allow more.

use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName};

use super::directives::Directives;
use crate::guard;

/// How long an answer can be used, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    /// When it came.
    came: Instant,
    /// How old it was then.
    age: Duration,
    lifetime: Duration,
    /// Only after the upstream was asked whether it still holds.
    no_cache: bool,
    while_revalidate: Duration,
    if_error: Duration,
    /// Whether callers with a token or a cookie get it too.
    pub(super) public: bool,
}

/// What an upstream's answer looks like before anything is taken from it.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// How long the upstream took.
    pub(super) delay: Duration,
    /// Whether its end is told, so that one that is cut off is not taken for whole.
    pub(super) framed: bool,
}

impl Freshness {
    /// `None` when the answer must not be kept. `credentials`: it was asked for with a token or a cookie.
    pub(super) fn of(answer: &Answer<'_>, credentials: bool) -> Option<Self> {
        let Answer { status, headers, .. } = *answer;
        let directives = Directives::of(headers);
        let refused = directives.no_store || directives.private || (credentials && !directives.public);
        if refused || !answer.framed || !is_kept(status) || headers.contains_key(header::SET_COOKIE) {
            return None;
        }
        if vary(headers).any(|name| name.is_none_or(|name| is_secret(&name))) {
            return None;
        }
        let date = date(headers, header::DATE).unwrap_or_else(SystemTime::now);
        let lifetime = lifetime(&directives, headers, date);
        let asked_again = status == StatusCode::OK && has_validator(headers);
        // Without a lifetime it is kept only to be asked about.
        if lifetime.is_none_or(|it| it.is_zero()) || directives.no_cache {
            let wanted = lifetime.is_some() || directives.no_cache || directives.public;
            if !(wanted && asked_again) {
                return None;
            }
        }
        // `s-maxage` means `proxy-revalidate` too (RFC 9111 §5.2.2.10).
        let strict = directives.must_revalidate || directives.no_cache || directives.shared_max_age.is_some();
        let stale = |seconds| if strict { Duration::ZERO } else { Duration::from_secs(seconds) };
        Some(Self {
            came: Instant::now(),
            age: age(headers, date, answer.delay),
            lifetime: lifetime.unwrap_or_default(),
            no_cache: directives.no_cache,
            while_revalidate: stale(directives.stale_while_revalidate),
            if_error: stale(directives.stale_if_error),
            public: directives.public,
        })
    }

    /// How old it is now (RFC 9111 §4.2.3).
    pub(super) fn age(&self) -> Duration {
        self.age + self.came.elapsed()
    }

    /// Seconds until it is stale; below zero: since when.
    pub(super) fn seconds_left(&self) -> i64 {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        seconds(self.lifetime) - seconds(self.age())
    }

    pub(super) fn is_fresh(&self) -> bool {
        !self.no_cache && self.age() < self.lifetime
    }

    /// Whether it serves on while a new one is fetched.
    pub(super) fn serves_while_revalidated(&self) -> bool {
        self.serves_stale(self.while_revalidate)
    }

    /// Whether it serves on while the upstream fails.
    pub(super) fn serves_on_errors(&self) -> bool {
        self.serves_stale(self.if_error)
    }

    fn serves_stale(&self, window: Duration) -> bool {
        !self.no_cache && !window.is_zero() && self.age() < self.lifetime + window
    }
}

/// The names in `Vary`; `None` for `*` and for what is no name.
pub(super) fn vary(headers: &HeaderMap) -> impl Iterator<Item = Option<HeaderName>> {
    let values = headers.get_all(header::VARY).iter();
    let names = values.flat_map(|value| value.to_str().unwrap_or("*").split(','));
    names.map(str::trim).filter(|name| !name.is_empty()).map(|name| match name {
        "*" => None,
        name => name.parse().ok(),
    })
}

/// What must not lie in a cache as part of a key.
/// Also what the gateway itself says of each client and request: no two would get the same.
fn is_secret(name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION || *name == header::COOKIE || guard::is_removed(name.as_str())
}

/// Answers whose meaning is known here; a part (206) or a state (304) is none of them.
fn is_kept(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 301 | 308 | 404 | 410)
}

fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

fn lifetime(directives: &Directives, headers: &HeaderMap, date: SystemTime) -> Option<Duration> {
    if let Some(seconds) = directives.shared_max_age.or(directives.max_age) {
        return Some(Duration::from_secs(seconds));
    }
    // `Expires: 0` and other rubbish mean: over (RFC 9111 §5.3).
    let expires = headers.get(header::EXPIRES)?.to_str().ok();
    let expires = expires.and_then(|text| httpdate::parse_http_date(text).ok());
    Some(expires.and_then(|expires| expires.duration_since(date).ok()).unwrap_or_default())
}

fn age(headers: &HeaderMap, date: SystemTime, delay: Duration) -> Duration {
    let told = headers.get(header::AGE).and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok());
    let told = Duration::from_secs(told.unwrap_or_default().into()) + delay;
    SystemTime::now().duration_since(date).unwrap_or_default().max(told)
}

pub(super) fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn freshness(status: u16, pairs: &[(&'static str, &str)], credentials: bool) -> Option<Freshness> {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = headers(pairs);
        let answer = Answer { status, headers: &headers, delay: Duration::ZERO, framed: true };
        Freshness::of(&answer, credentials)
    }

    fn left(pairs: &[(&'static str, &str)]) -> Option<i64> {
        freshness(200, pairs, false).map(|it| it.seconds_left())
    }

    fn at(seconds: i64) -> String {
        let offset = Duration::from_secs(seconds.unsigned_abs());
        let now = SystemTime::now();
        httpdate::fmt_http_date(if seconds < 0 { now - offset } else { now + offset })
    }

    #[test]
    fn the_lifetime_is_the_one_for_shared_caches() {
        assert_eq!(left(&[("cache-control", "max-age=60, s-maxage=5")]), Some(5));
        assert_eq!(left(&[("cache-control", "max-age=60")]), Some(60));
        assert_eq!(left(&[("cache-control", "max-age=60"), ("age", "20")]), Some(40));
        assert_eq!(left(&[("cache-control", "max-age=60"), ("expires", "0")]), Some(60));
        let (date, expires) = (at(0), at(30));
        assert_eq!(left(&[("date", &date), ("expires", &expires)]), Some(30));
        let old = at(-50);
        let aged = left(&[("cache-control", "max-age=60"), ("date", &old)]).unwrap();
        assert!((9..=10).contains(&aged), "{aged}");
    }

    #[test]
    fn what_does_not_say_that_it_may_be_kept_is_not() {
        for pairs in [
            &[] as &[(&'static str, &str)],
            &[("etag", "\"1\"")],
            &[("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT")],
            &[("cache-control", "no-store, max-age=60")],
            &[("cache-control", "private, max-age=60")],
            &[("cache-control", "max-age=0")],
            &[("cache-control", "no-cache")],
            &[("expires", "0")],
            &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
            &[("cache-control", "max-age=60"), ("vary", "accept, *")],
            &[("cache-control", "public, max-age=60"), ("vary", "Cookie")],
            &[("cache-control", "public, max-age=60"), ("vary", "accept, X-Forwarded-For")],
        ] {
            assert!(freshness(200, pairs, false).is_none(), "{pairs:?}");
        }
        for status in [201, 206, 302, 304, 400, 500, 503] {
            assert!(freshness(status, &[("cache-control", "max-age=60")], false).is_none(), "{status}");
        }
    }

    #[test]
    fn what_was_asked_with_credentials_is_kept_only_when_it_is_public() {
        for directives in ["max-age=60", "s-maxage=60", "max-age=60, must-revalidate"] {
            assert!(freshness(200, &[("cache-control", directives)], true).is_none(), "{directives}");
        }
        assert!(freshness(200, &[("cache-control", "public, max-age=60")], true).is_some_and(|it| it.public));
    }

    #[test]
    fn what_is_stale_serves_only_where_it_may() {
        let tagged =
            |directives| freshness(200, &[("cache-control", directives), ("etag", "\"1\"")], false).unwrap();
        let stale = tagged("max-age=0, stale-while-revalidate=9, stale-if-error=9");
        assert!(!stale.is_fresh() && stale.serves_while_revalidated() && stale.serves_on_errors());
        for strict in ["must-revalidate, max-age=0", "s-maxage=0", "no-cache"] {
            let directives = format!("{strict}, stale-while-revalidate=9, stale-if-error=9");
            let stale = freshness(200, &[("cache-control", &directives), ("etag", "\"1\"")], false).unwrap();
            assert!(!stale.is_fresh() && !stale.serves_while_revalidated() && !stale.serves_on_errors());
        }
        assert!(!tagged("max-age=60, no-cache").is_fresh());
    }
}
