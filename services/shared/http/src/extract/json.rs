//! JSON bodies: typed, bounded, validated, with errors by JSON pointer.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use garde::Validate;
use http::{StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path as ErrorPath, Segment};

use crate::problem::{self, FieldError, Problem};

/// A JSON body. As an extractor it needs `T: Deserialize + Validate` and answers 400 (not JSON), 413 (too
/// large), 415 (another type) or 422 (unacceptable values, with JSON pointers). As an answer it is a body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned + Validate,
    T::Context: Default,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_json(&request) {
            return Err(
                problem::UNSUPPORTED_MEDIA_TYPE.detail("send the body as `Content-Type: application/json`")
            );
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Parses and validates a JSON text as [`Json`] does.
///
/// # Errors
/// A 400 when the text is not JSON, a 422 when its values are not acceptable.
fn parse<T>(bytes: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate,
    T::Context: Default,
{
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::invalid_field(pointer, without_position(&inner.to_string()))
        } else {
            problem::MALFORMED.detail(format!("the body is not JSON that can be read: {inner}"))
        }
    })?;
    deserializer.end().map_err(|error| {
        problem::MALFORMED.detail(format!("the body has more after its JSON value: {error}"))
    })?;
    value.validate().map_err(|report| {
        let errors = report.iter().map(|(path, error)| FieldError {
            pointer: garde_pointer(&path.to_string()),
            detail: error.message().to_owned(),
        });
        Problem::invalid(errors.collect())
    })?;
    Ok(value)
}

fn is_json(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(essence) = content_type.and_then(|value| value.split(';').next()) else { return false };
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        problem::TOO_LARGE.detail("send a smaller body")
    } else {
        problem::MALFORMED.detail("the body ended before it was complete")
    }
}

/// serde's path as a JSON pointer (RFC 6901).
fn pointer(path: &ErrorPath) -> String {
    let mut pointer = String::new();
    for segment in path {
        let token = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// garde's path (`sections[0].title`) as a JSON pointer.
fn garde_pointer(path: &str) -> String {
    let mut pointer = String::new();
    for token in path.split(['.', '[', ']']).filter(|token| !token.is_empty()) {
        pointer.push('/');
        pointer.push_str(token);
    }
    pointer
}

/// serde_json appends the position in the text, which the pointer says better.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Course {
        #[garde(length(chars, min = 1, max = 5))]
        name: String,
        #[garde(dive)]
        #[serde(default)]
        lessons: Vec<Lesson>,
    }

    #[derive(Debug, serde::Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Lesson {
        #[garde(range(min = 1))]
        minutes: u32,
    }

    async fn answer(body: &str) -> (u16, serde_json::Value) {
        let response = parse::<Course>(body.as_bytes()).unwrap_err().into_response();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn unacceptable_values_are_named_by_json_pointer() {
        for (body, pointer) in [
            (r#"{"name":"x","lessons":[{"minutes":"1"}]}"#, "/lessons/0/minutes"),
            (r#"{"name":"x","lessons":[{"minutes":0}]}"#, "/lessons/0/minutes"),
            (r#"{"name":"too long"}"#, "/name"),
            (r#"{"name":"x","colour":"red"}"#, "/colour"),
        ] {
            let (status, problem) = answer(body).await;
            assert_eq!(
                (status, problem["errors"][0]["pointer"].as_str()),
                (422, Some(pointer)),
                "{body}: {problem}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_not_json_is_malformed() {
        let deep = "[".repeat(10_000);
        for body in ["", "{", "nonsense", r#"{"name":"x"} {}"#, deep.as_str()] {
            let (status, problem) = answer(body).await;
            // A deep list is no object: refused by its type before its depth matters.
            assert!(status == 400 || status == 422, "{status} {problem}");
        }
    }
}
