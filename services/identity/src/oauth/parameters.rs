//! Parameters of a request, as `application/x-www-form-urlencoded` in the body or the query. A parameter without
//! a value is as good as absent, and none may stand twice (RFC 6749 §3.1 and §3.2).

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, header};
use url::form_urlencoded;

/// Longest body in bytes. The longest honest one holds a token or an assertion of a few kilobytes.
const LARGEST_BODY: usize = 64 * 1024;
/// Most parameters: the specifications know about twenty for one request.
const MOST: usize = 64;

/// Why a request has no parameters that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParameterError {
    #[error("the body must be application/x-www-form-urlencoded")]
    ContentType,
    #[error("the request is too large")]
    TooLarge,
    #[error("the body ended early")]
    Incomplete,
    #[error("the parameters are not UTF-8")]
    Encoding,
    #[error("there are too many parameters")]
    TooMany,
    #[error("the parameter {0} stands twice")]
    Repeated(&'static str),
    #[error("a parameter stands twice")]
    RepeatedUnknown,
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("the parameter {0} is too long")]
    TooLong(&'static str),
}

/// The body of a request, when it is a form.
pub(crate) async fn form(request: Request) -> Result<(HeaderMap, Bytes), ParameterError> {
    let (parts, body) = request.into_parts();
    if !is_form(&parts.headers) {
        return Err(ParameterError::ContentType);
    }
    Ok((parts.headers, read(body).await?))
}

async fn read(body: Body) -> Result<Bytes, ParameterError> {
    axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|error| {
        let limit = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if limit { ParameterError::TooLarge } else { ParameterError::Incomplete }
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().ok().and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Parameters with a value, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Parses a body or a query. That nothing stands twice is checked when it is read, or by
    /// [`each_once`](Self::each_once).
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ParameterError> {
        let mut all = Vec::with_capacity(8);
        for (name, value) in form_urlencoded::parse(bytes) {
            // The parser replaces what is not UTF-8 by this character, which nobody has a reason to send.
            if [&name, &value].iter().any(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
                return Err(ParameterError::Encoding);
            }
            if all.len() == MOST {
                return Err(ParameterError::TooMany);
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// Refuses repetition of any parameter, also of unknown ones, but for `repeatable` ones.
    pub(crate) fn each_once(self, repeatable: &[&str]) -> Result<Self, ParameterError> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            let twice = self.0[..index].iter().any(|(earlier, _)| earlier == name);
            if twice && !repeatable.contains(&&**name) {
                return Err(ParameterError::RepeatedUnknown);
            }
        }
        Ok(self)
    }

    /// The value of a parameter that may be absent.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<&str>, ParameterError> {
        let mut values = self.0.iter().filter(|(it, _)| it == name);
        let value = values.next();
        if values.next().is_some() {
            return Err(ParameterError::Repeated(name));
        }
        Ok(value.map(|(_, value)| &**value).filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that may be absent and is no longer than `longest` bytes.
    pub(crate) fn bounded(&self, name: &'static str, longest: usize) -> Result<Option<&str>, ParameterError> {
        match self.optional(name)? {
            Some(value) if value.len() > longest => Err(ParameterError::TooLong(name)),
            value => Ok(value),
        }
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, ParameterError> {
        self.optional(name)?.ok_or(ParameterError::Missing(name))
    }

    /// Every value of a parameter that may stand several times.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(it, value)| it == name && !value.is_empty()).map(|(_, value)| &**value)
    }

    /// All parameters that have a value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value)).filter(|(_, value)| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_without_a_value_is_absent_and_none_stands_twice() {
        let parameters = Parameters::parse(b"a=1&b=&c=x+y%26&d&e=1&e=2").unwrap();
        assert_eq!(parameters.required("a"), Ok("1"));
        assert_eq!(parameters.optional("b"), Ok(None));
        assert_eq!(parameters.required("c"), Ok("x y&"));
        assert_eq!(parameters.required("d"), Err(ParameterError::Missing("d")));
        assert_eq!(parameters.optional("e"), Err(ParameterError::Repeated("e")));
        assert_eq!(parameters.bounded("a", 0), Err(ParameterError::TooLong("a")));
        assert_eq!(parameters.clone().each_once(&[]).unwrap_err(), ParameterError::RepeatedUnknown);
        assert!(parameters.each_once(&["e"]).is_ok());
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        for wrong in [&b"a=%ff"[..], b"%c3%28=1", b"a=\xff", b"a=%ed%a0%80"] {
            assert_eq!(Parameters::parse(wrong).unwrap_err(), ParameterError::Encoding, "{wrong:?}");
        }
        assert!(Parameters::parse("ç=%C3%A7".as_bytes()).is_ok());
    }

    #[test]
    fn there_is_an_end_to_parameters() {
        assert_eq!(Parameters::parse("a=1&".repeat(65).as_bytes()).unwrap_err(), ParameterError::TooMany);
    }
}
