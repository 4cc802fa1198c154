//! The headers that retries and replays carry beside the event.

use lapin::types::{AMQPValue, FieldTable};

/// How often it has failed so far.
pub(crate) const ATTEMPT: &str = "x-attempt";
/// The login that published the original.
pub(crate) const ORIGIN_USER: &str = "x-origin-user";
/// Why it failed the last time.
pub(crate) const ERROR: &str = "x-error";

const LONGEST_ERROR: usize = 500;

/// The header as text.
pub(crate) fn text(headers: Option<&FieldTable>, name: &str) -> Option<String> {
    match headers?.inner().get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Failures so far; 0 without the header.
pub(crate) fn attempt(headers: Option<&FieldTable>) -> u32 {
    match headers.and_then(|it| it.inner().get(ATTEMPT)) {
        Some(AMQPValue::LongUInt(attempt)) => *attempt,
        // Some clients and the management API write every number signed.
        Some(AMQPValue::LongInt(attempt)) => u32::try_from(*attempt).unwrap_or_default(),
        Some(AMQPValue::LongLongInt(attempt)) => u32::try_from(*attempt).unwrap_or_default(),
        _ => 0,
    }
}

/// The headers of the copy that is retried.
pub(crate) fn of_retry(attempt: u32, origin: Option<&str>, error: &str) -> FieldTable {
    let mut headers = origin.map(|login| with_text(ORIGIN_USER, login)).unwrap_or_default();
    headers.insert(ATTEMPT.into(), AMQPValue::LongUInt(attempt));
    let error: String = error.chars().take(LONGEST_ERROR).collect();
    headers.insert(ERROR.into(), AMQPValue::LongString(error.as_str().into()));
    headers
}

/// A table with one text in it.
pub(crate) fn with_text(name: &str, value: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), AMQPValue::LongString(value.into()));
    headers
}
