//! What became of a request at the cache, for the client (`Cache-Status`, RFC 9211) and for metrics.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Answered from what is kept, fresh for so many seconds more; below zero it is stale.
    Hit(i64),
    /// Stale, because the upstream fails.
    StaleOnError,
    /// Fetched; nothing, or nothing for such a request, was kept.
    Miss {
        vary: bool,
        kept: bool,
    },
    /// The upstream was asked whether it still holds: it did, or it sent another one.
    Revalidated,
    Replaced {
        kept: bool,
    },
    /// It waited for another request.
    Collapsed,
    /// It went to the upstream by itself.
    Passed,
    /// Nothing of this kind is kept: a part, a condition on a change, something with a body.
    Bypass,
    /// Another method.
    Method,
}

impl Status {
    /// The value of a label.
    const fn label(self) -> &'static str {
        match self {
            Self::Hit(0..) => "hit",
            Self::Hit(_) | Self::StaleOnError => "stale",
            Self::Miss { .. } | Self::Replaced { .. } => "miss",
            Self::Revalidated => "revalidated",
            Self::Collapsed => "collapsed",
            Self::Passed => "passed",
            Self::Bypass | Self::Method => "bypass",
        }
    }

    /// Counts it and tells it. What caches further inside told stays in front.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        metrics::counter!("gateway_cache_requests_total", "outcome" => self.label()).increment(1);
        // Digits and letters.
        if let Ok(value) = HeaderValue::try_from(self.to_string()) {
            headers.append(CACHE_STATUS, value);
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stored = |kept| if kept { "; stored" } else { "" };
        f.write_str("gateway; ")?;
        match *self {
            Self::Hit(seconds) => write!(f, "hit; ttl={seconds}"),
            Self::StaleOnError => f.write_str("fwd=stale; detail=stale-if-error"),
            Self::Miss { vary: false, kept } => write!(f, "fwd=uri-miss{}", stored(kept)),
            Self::Miss { vary: true, kept } => write!(f, "fwd=vary-miss{}", stored(kept)),
            Self::Revalidated => f.write_str("fwd=stale; fwd-status=304"),
            Self::Replaced { kept } => write!(f, "fwd=stale{}", stored(kept)),
            Self::Collapsed => f.write_str("fwd=uri-miss; collapsed"),
            Self::Passed => f.write_str("fwd=uri-miss"),
            Self::Bypass => f.write_str("fwd=bypass"),
            Self::Method => f.write_str("fwd=method"),
        }
    }
}
