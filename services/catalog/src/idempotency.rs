//! Creates that must not happen twice: the id follows from the caller's key, so a second attempt meets the
//! document of the first (FLOWS: a unique `_id` is the only thing that every server of MongoDB's protocol
//! checks at once).

use platform_http::{IdempotencyKey, Problem};
use serde::Serialize;
use uuid::Uuid;

/// Who makes something, and what was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    /// The new document's id.
    pub(crate) id: Uuid,
    /// Stands for the request's body; the same key with another body is refused.
    pub(crate) fingerprint: String,
}

impl Creation {
    /// Of `body` by `subject` at `route`. Without a key every request makes something new.
    pub(crate) fn new(
        subject: Uuid,
        route: &str,
        key: Option<IdempotencyKey>,
        body: &impl Serialize,
    ) -> Result<Self, Problem> {
        let id = match key {
            Some(IdempotencyKey(key)) => Uuid::new_v5(&subject, format!("{route} {key}").as_bytes()),
            None => Uuid::now_v7(),
        };
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
        // Guards a caller against mixing up their own requests, so 122 bits of SHA-1 are enough.
        let fingerprint = Uuid::new_v5(&id, &body).to_string();
        Ok(Self { id, fingerprint })
    }
}

/// What became of a create.
#[derive(Debug)]
pub(crate) enum Created<T> {
    /// It is new.
    New,
    /// The same request made it before; this is how it is now.
    Before(T),
    /// Another request used the same key.
    Mismatch,
}

/// The 422 for a key that was used for another body.
pub(crate) fn mismatch() -> Problem {
    Problem::invalid_field("", "this `Idempotency-Key` was used for another body: use a new one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creation(subject: u128, route: &str, key: Option<&str>, body: &str) -> Creation {
        let key = key.map(|key| IdempotencyKey(key.to_owned()));
        Creation::new(Uuid::from_u128(subject), route, key, &body).unwrap()
    }

    #[test]
    fn the_same_request_makes_the_same_thing_and_any_other_does_not() {
        let first = creation(1, "POST /v1/courses", Some("key"), "body");
        assert_eq!(first.id, creation(1, "POST /v1/courses", Some("key"), "body").id);
        for other in [
            creation(2, "POST /v1/courses", Some("key"), "body"),
            creation(1, "POST /v1/categories", Some("key"), "body"),
            creation(1, "POST /v1/courses", Some("other"), "body"),
            creation(1, "POST /v1/courses", None, "body"),
        ] {
            assert_ne!(first.id, other.id);
        }
    }

    #[test]
    fn another_body_has_another_fingerprint() {
        let (one, two) = (creation(1, "", Some("key"), "one"), creation(1, "", Some("key"), "two"));
        assert_ne!(one.fingerprint, two.fingerprint);
    }
}
