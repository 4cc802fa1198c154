//! A request's head, kept for another attempt. Most are never made, so it is one piece of memory, which costs far
//! less than a second header map does.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

/// The head of a request that was given away.
pub(super) struct Kept {
    pub(super) method: Method,
    uri: Uri,
    /// Names and values, each behind its length.
    headers: Vec<u8>,
}

impl Kept {
    pub(super) fn of(parts: &Parts) -> Self {
        let length = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 9;
        let mut headers = Vec::with_capacity(parts.headers.iter().map(length).sum());
        for (name, value) in &parts.headers {
            push(&mut headers, name.as_str().as_bytes());
            push(&mut headers, value.as_bytes());
            headers.push(value.is_sensitive().into());
        }
        Self { method: parts.method.clone(), uri: parts.uri.clone(), headers }
    }

    /// The same head once more; what else went with the request is left out.
    pub(super) fn again(&self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.uri = self.uri.clone();
        let mut rest = self.headers.as_slice();
        while read(&mut parts.headers, &mut rest).is_some() {}
        parts
    }
}

fn push(headers: &mut Vec<u8>, bytes: &[u8]) {
    // A head is at most some 64 KB.
    headers.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
    headers.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let (bytes, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = after;
    Some(bytes)
}

/// Adds the next header; `None` when there is no more.
fn read(headers: &mut HeaderMap, rest: &mut &[u8]) -> Option<()> {
    let name = HeaderName::from_bytes(take(rest)?).ok()?;
    let mut value = HeaderValue::from_bytes(take(rest)?).ok()?;
    let (sensitive, after) = rest.split_first()?;
    *rest = after;
    value.set_sensitive(*sensitive != 0);
    headers.append(name, value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_head_is_the_same_again() {
        let mut secret = HeaderValue::from_static("Bearer x");
        secret.set_sensitive(true);
        let request = Request::put("/v1/a?b=c")
            .header("host", "demo:8080")
            .header("accept", "a/b")
            .header("accept", "")
            .header("x-own", HeaderValue::from_bytes(b"\xfc ; \"").unwrap())
            .header("authorization", secret);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let again = Kept::of(&parts).again();
        assert_eq!((&again.method, &again.uri), (&parts.method, &parts.uri));
        assert_eq!(again.headers, parts.headers);
        assert_eq!(again.headers.get_all("accept").iter().collect::<Vec<_>>(), ["a/b", ""]);
        assert!(again.headers["authorization"].is_sensitive() && !again.headers["host"].is_sensitive());
    }
}
