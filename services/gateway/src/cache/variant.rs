//! An answer that is kept: its head, its body in pieces, and for which requests it is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::conditional;
use super::fill::Reader;
use super::policy::{self, Freshness};
use crate::answer::AnswerBody;

/// What a header and a variant take beside their texts, roughly.
const OVERHEAD: u64 = 64;

/// Bytes of bodies that are alive: kept, being filled, or still being read by a client. Given back when the
/// last one who reads is done.
#[derive(Debug)]
pub(super) struct Account {
    alive: Arc<AtomicU64>,
    bytes: u64,
}

impl Account {
    pub(super) fn new(alive: &Arc<AtomicU64>) -> Self {
        Self { alive: alive.clone(), bytes: 0 }
    }

    /// False when there would be more than `most` bytes in all.
    pub(super) fn grow(&mut self, bytes: u64, most: u64) -> bool {
        let before = self.alive.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        before + bytes <= most
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A whole body.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) pieces: Vec<Bytes>,
    account: Account,
}

impl Held {
    pub(super) fn new(pieces: Vec<Bytes>, account: Account) -> Self {
        Self { pieces, account }
    }

    pub(super) fn length(&self) -> u64 {
        self.account.bytes
    }
}

/// A kept answer.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Arc<Held>,
    pub(super) freshness: Freshness,
    /// When the request was sent that it answers, in nanoseconds since the process began.
    pub(super) begun: u64,
    /// What its `Vary` names, with the values of that request.
    vary: Vec<(HeaderName, Vec<HeaderValue>)>,
}

impl Variant {
    /// `vary`: what the answer's own names, with the values of the upstream's request.
    pub(super) fn new(
        (status, headers): (StatusCode, &HeaderMap),
        body: Arc<Held>,
        freshness: Freshness,
        begun: u64,
        vary: Vec<(HeaderName, Vec<HeaderValue>)>,
    ) -> Self {
        Self { status, headers: apart(headers), body, freshness, begun, vary }
    }

    /// Whether it answers a request with these headers (RFC 9111 §4.1).
    pub(super) fn matches(&self, request: &HeaderMap) -> bool {
        self.vary.iter().all(|(name, values)| request.get_all(name).iter().eq(values))
    }

    /// What requests must have alike to share an answer, as text.
    pub(super) fn selecting(&self, request: &HeaderMap) -> String {
        selected(request, self.vary.iter().map(|(name, _)| name.clone()))
            .iter()
            .map(|(name, values)| format!("\n{name}:{values:?}"))
            .collect()
    }

    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.vary == other.vary
    }

    /// The same after the upstream has said that it still holds (RFC 9111 §3.2, §4.3.4).
    pub(super) fn refreshed(&self, headers: &HeaderMap, freshness: Freshness, begun: u64) -> Self {
        Self { headers: apart(headers), freshness, begun, ..self.clone() }
    }

    /// Its headers with those of a 304 in their place.
    pub(super) fn merged(&self, news: &HeaderMap) -> HeaderMap {
        let mut headers = self.headers.clone();
        // It was as old as it said then.
        headers.remove(header::AGE);
        for name in news.keys().filter(|name| !is_of_the_body(name)) {
            headers.remove(name);
            for value in news.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        headers
    }

    /// What it takes, in bytes.
    pub(super) fn weight(&self) -> u64 {
        let text =
            |name: &HeaderName, value: &HeaderValue| (name.as_str().len() + value.len()) as u64 + OVERHEAD;
        let headers: u64 = self.headers.iter().map(|(name, value)| text(name, value)).sum();
        let vary = self.vary.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        self.body.length() + headers + vary.map(|(name, value)| text(name, value)).sum::<u64>() + 4 * OVERHEAD
    }

    /// The answer for a client who asked with these conditions; without a body for `HEAD`.
    pub(super) fn answer(&self, conditions: &HeaderMap, head: bool) -> Response<AnswerBody> {
        let mut headers = self.headers.clone();
        headers.insert(header::AGE, HeaderValue::from(self.freshness.age().as_secs()));
        if self.status == StatusCode::OK && conditional::is_known(conditions, &headers) {
            return conditional::not_modified(headers);
        }
        let body = if head {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.length()));
            AnswerBody::Whole(None)
        } else {
            AnswerBody::Kept(Reader::of(self.body.clone()))
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// A copy that holds no more memory than it needs: an answer's head is a part of all that was read with it.
fn apart(headers: &HeaderMap) -> HeaderMap {
    let value =
        |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
    headers.iter().map(|(name, it)| (name.clone(), value(it))).collect()
}

/// The values of what an answer's `Vary` names in its request.
pub(super) fn selected(
    request: &HeaderMap,
    names: impl Iterator<Item = HeaderName>,
) -> Vec<(HeaderName, Vec<HeaderValue>)> {
    let values = |name: HeaderName| {
        let values = request.get_all(&name).iter().cloned().collect();
        (name, values)
    };
    names.map(values).collect()
}

/// The names in an answer's `Vary`, each once and in order.
pub(super) fn vary_names(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = policy::vary(headers).flatten().collect();
    names.sort_unstable_by(|one, two| one.as_str().cmp(two.as_str()));
    names.dedup();
    names
}

/// A 304 speaks of the message that it is itself in these.
fn is_of_the_body(name: &HeaderName) -> bool {
    [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_RANGE, header::CONTENT_TYPE]
        .contains(name)
}
