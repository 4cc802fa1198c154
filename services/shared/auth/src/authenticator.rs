//! From a bearer token to a caller.

use http::{HeaderMap, HeaderValue, header};
use platform_http::Problem;
use platform_http::problem;
use uuid::Uuid;

use crate::{AuthSettings, Caller};

/// Turns the `Authorization` header into a [`Caller`]. Cheap to clone.
#[derive(Clone, Copy, Debug)]
pub enum Authenticator {
    /// No tokens are accepted: every route that needs a caller answers 401.
    Closed,
    /// `Bearer dev:<uuid>` is the user `<uuid>`; only ever on localhost, see [`AuthSettings::check`].
    InsecureDev,
}

/// Why there is no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No `Authorization` header, or not a bearer token.
    #[error("no bearer token")]
    Missing,
    /// A token that is not valid here.
    #[error("the token is not valid")]
    Invalid,
}

impl Authenticator {
    /// The authenticator that these settings ask for.
    #[must_use]
    pub fn from_settings(settings: &AuthSettings) -> Self {
        if settings.insecure_dev_writes { Self::InsecureDev } else { Self::Closed }
    }

    /// Checks the `Authorization` header.
    ///
    /// # Errors
    /// [`Rejection`], without any part of the token.
    pub fn authenticate(self, headers: &HeaderMap) -> Result<Caller, Rejection> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Rejection::Missing)?;
        if values.next().is_some() {
            return Err(Rejection::Invalid);
        }
        let token = bearer(value).ok_or(Rejection::Missing)?;
        match self {
            Self::Closed => Err(Rejection::Invalid),
            Self::InsecureDev => {
                let subject = token.strip_prefix("dev:").ok_or(Rejection::Invalid)?;
                // Only the hyphenated form: one user must not have several spellings.
                let subject =
                    Some(subject).filter(|text| text.len() == 36).and_then(|text| text.parse().ok());
                subject.map(|subject: Uuid| Caller { subject }).ok_or(Rejection::Invalid)
            }
        }
    }
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl From<Rejection> for Problem {
    /// 401 with a challenge as RFC 6750 §3 wants it.
    fn from(rejection: Rejection) -> Self {
        let (detail, challenge) = match rejection {
            Rejection::Missing => ("send `Authorization: Bearer …`", "Bearer"),
            Rejection::Invalid => ("the token is not valid here", r#"Bearer error="invalid_token""#),
        };
        problem::UNAUTHENTICATED
            .detail(detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn authenticate(authenticator: Authenticator, value: &str) -> Result<Caller, Rejection> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        authenticator.authenticate(&headers)
    }

    #[test]
    fn a_development_token_names_its_user() {
        let caller = authenticate(Authenticator::InsecureDev, &format!("bearer dev:{USER}")).unwrap();
        assert_eq!(caller.subject.to_string(), USER);
    }

    #[test]
    fn without_the_switch_no_token_is_accepted() {
        assert_eq!(
            authenticate(Authenticator::Closed, &format!("Bearer dev:{USER}")),
            Err(Rejection::Invalid)
        );
    }

    #[test]
    fn rubbish_is_nobody() {
        for value in ["Bearer", "Basic dev", "Bearer dev:", "Bearer dev:x", "Bearer x", ""] {
            assert!(authenticate(Authenticator::InsecureDev, value).is_err(), "{value}");
        }
        let compact = USER.replace('-', "");
        assert!(authenticate(Authenticator::InsecureDev, &format!("Bearer dev:{compact}")).is_err());
        assert_eq!(Authenticator::InsecureDev.authenticate(&HeaderMap::new()), Err(Rejection::Missing));
    }

    #[test]
    fn two_tokens_are_nobody() {
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer dev:{USER}")).unwrap());
        headers.append(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer dev:{USER}")).unwrap());
        assert_eq!(Authenticator::InsecureDev.authenticate(&headers), Err(Rejection::Invalid));
    }
}
