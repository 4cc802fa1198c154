//! Conditions of requests (RFC 9110 §13): those of clients are answered from what is kept, and the upstream is
//! asked with those of the cache.

use http::header::{self, HeaderMap, HeaderName};
use http::{Response, StatusCode};

use super::policy::date;
use crate::answer::AnswerBody;

const CONDITIONS: [HeaderName; 2] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// What a 304 does not repeat.
const OF_THE_BODY: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
];

/// Takes a client's conditions out of its request: the upstream is to send the whole.
pub(super) fn take(headers: &mut HeaderMap) -> HeaderMap {
    let mut conditions = HeaderMap::new();
    for name in CONDITIONS {
        for value in headers.get_all(&name) {
            conditions.append(name.clone(), value.clone());
        }
        headers.remove(name);
    }
    conditions
}

/// Puts them back, for a request that is not answered from what is kept.
pub(super) fn put_back(headers: &mut HeaderMap, conditions: HeaderMap) {
    for name in CONDITIONS {
        headers.remove(name);
    }
    headers.extend(conditions);
}

/// Asks whether what is kept with `headers` still holds; false when it can't be asked.
pub(super) fn ask(request: &mut HeaderMap, headers: &HeaderMap) -> bool {
    let tag = headers.get(header::ETAG).map(|tag| (header::IF_NONE_MATCH, tag));
    let modified = headers.get(header::LAST_MODIFIED).map(|date| (header::IF_MODIFIED_SINCE, date));
    let mut asked = false;
    for (name, value) in [tag, modified].into_iter().flatten() {
        request.insert(name, value.clone());
        asked = true;
    }
    asked
}

/// Whether the client has it already. `If-None-Match` goes before the date (RFC 9110 §13.2.2).
pub(super) fn is_known(conditions: &HeaderMap, headers: &HeaderMap) -> bool {
    if conditions.contains_key(header::IF_NONE_MATCH) {
        let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let values = conditions.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut wanted = values.flat_map(|value| value.split(',')).map(str::trim);
        return wanted.any(|wanted| wanted == "*" || tag.is_some_and(|tag| opaque(tag) == opaque(wanted)));
    }
    let since = date(conditions, header::IF_MODIFIED_SINCE);
    let modified = date(headers, header::LAST_MODIFIED);
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

/// Tags are compared weakly (RFC 9110 §8.8.3.2).
pub(super) fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The answer to a client that has it.
pub(super) fn not_modified(mut headers: HeaderMap) -> Response<AnswerBody> {
    for name in OF_THE_BODY {
        headers.remove(name);
    }
    let mut response = Response::new(AnswerBody::Whole(None));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = headers;
    response
}

/// Whether a 304 is about another version than the one that was asked about.
pub(super) fn is_of_another(news: &HeaderMap, headers: &HeaderMap) -> bool {
    let tag = |headers: &HeaderMap| {
        headers.get(header::ETAG).and_then(|tag| Some(opaque(tag.to_str().ok()?).to_owned()))
    };
    tag(news).zip(tag(headers)).is_some_and(|(new, old)| new != old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_client_has_it_when_a_tag_or_else_the_date_says_so() {
        let known = |pairs: &[(HeaderName, &'static str)]| {
            let conditions =
                pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            let mut headers = HeaderMap::new();
            headers.insert(header::ETAG, HeaderValue::from_static("\"a\""));
            headers.insert(header::LAST_MODIFIED, HeaderValue::from_static("Tue, 02 Jan 2024 00:00:00 GMT"));
            is_known(&conditions, &headers)
        };
        let (tag, since) = (header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE);
        assert!(known(&[(tag.clone(), "\"b\", W/\"a\"")]) && known(&[(tag.clone(), "*")]));
        assert!(!known(&[(tag.clone(), "\"b\"")]) && !known(&[]));
        assert!(known(&[(since.clone(), "Tue, 02 Jan 2024 00:00:00 GMT")]));
        assert!(!known(&[(since.clone(), "Mon, 01 Jan 2024 00:00:00 GMT")]));
        assert!(!known(&[(tag, "\"b\""), (since, "Wed, 03 Jan 2024 00:00:00 GMT")]));
    }
}
