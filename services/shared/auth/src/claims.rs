//! The claims of an access token (RFC 9068 §2.2). Identity writes them from this and everybody else reads them
//! with it, so that they are said once.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an access token says. Times are seconds since 1970. Of a token that somebody sent it is only worth
/// something inside a [`Verified`](crate::Verified).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// The platform's public address and `/identity`; only ever compared.
    pub iss: String,
    /// Who may accept the token: `gateway`, or a service's name.
    pub aud: Audience,
    /// A user's id (hyphenated, lower case), or a service's `client_id`.
    pub sub: String,
    /// The client that the token was given to.
    pub client_id: String,
    /// From here on it is refused.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// Before this it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Names this token and no other.
    pub jti: String,
    /// What it may be used for.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scope: Scopes,
    /// The user's session; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// When the user signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// What the user is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Who acts for the subject, once the token was exchanged (RFC 8693 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
}

/// Who may accept a token: one name, or a list of them (RFC 7519 §4.1.3). Ours are made with one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One name.
    One(String),
    /// Each of these.
    Many(Vec<String>),
}

impl Audience {
    /// Whether `name` is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|one| one == name),
        }
    }
}

/// Scopes as a token carries them: separated by single spaces (RFC 6749 §3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(String);

impl Scopes {
    /// Whether `scope` is one of them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|one| one == scope)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everybody who signed up.
    Student,
    /// Somebody who teaches.
    Instructor,
    /// Somebody who runs the platform.
    Admin,
}

/// Who acts for the subject of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The acting client, such as `gateway`.
    pub sub: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_compared_whole() {
        let scopes: Scopes = ["order.read", "order.buy"].into_iter().collect();
        assert_eq!(scopes.to_string(), "order.read order.buy");
        assert!(scopes.contains("order.read") && scopes.contains("order.buy"));
        for wrong in ["order", "order.rea", "order.read order.buy", "", " "] {
            assert!(!scopes.contains(wrong), "{wrong:?}");
        }
        assert!(Scopes::default().is_empty());
    }

    #[test]
    fn what_a_token_does_not_say_is_not_written() {
        let token = AccessToken {
            iss: "https://courses.example.com/identity".to_owned(),
            aud: Audience::One("payment".to_owned()),
            sub: "order".to_owned(),
            client_id: "order".to_owned(),
            exp: 1300,
            iat: 1000,
            nbf: None,
            jti: "1".to_owned(),
            scope: ["payment.sys.charge"].into_iter().collect(),
            sid: None,
            auth_time: None,
            roles: Vec::new(),
            act: None,
        };
        let json = serde_json::to_value(&token).unwrap();
        let expected = serde_json::json!({
            "iss": "https://courses.example.com/identity", "aud": "payment", "sub": "order", "client_id": "order",
            "exp": 1300, "iat": 1000, "jti": "1", "scope": "payment.sys.charge",
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<AccessToken>(json).unwrap(), token);
    }
}
