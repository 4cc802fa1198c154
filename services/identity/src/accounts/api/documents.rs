//! What the routes of accounts take and answer.

use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::domain::{self, Account, Email, Unacceptable};
use crate::accounts::password::{Password, Words};
use crate::language::Language;
use crate::sessions::Session;

/// An account to be made.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccountDocument {
    /// Where mails go, and what one signs in with.
    #[garde(custom(is_email))]
    #[schema(example = "ada@example.com", max_length = 254)]
    pub(super) email: String,
    /// 10 to 128 characters of any kind, not one of the passwords that everybody tries first.
    #[garde(custom(is_password))]
    #[schema(format = Password, min_length = 10, max_length = 128)]
    pub(super) password: String,
    /// What others see.
    #[garde(custom(is_name))]
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 100)]
    pub(super) name: String,
    /// Empty when absent.
    #[garde(custom(is_city))]
    #[serde(default)]
    #[schema(example = "İzmir", max_length = 100)]
    pub(super) city: String,
    /// The language of mails, `tr` or `en`; as `Accept-Language` says when absent.
    #[garde(inner(custom(is_language)))]
    #[schema(example = "tr")]
    pub(super) language: Option<String>,
}

/// What is to be changed; what is absent stays.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileChange {
    #[garde(inner(custom(is_name)))]
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: Option<String>,
    #[garde(inner(custom(is_city)))]
    #[schema(max_length = 100)]
    pub(super) city: Option<String>,
    /// The language of mails, `tr` or `en`.
    #[garde(inner(custom(is_language)))]
    pub(super) language: Option<String>,
}

/// A new password.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    /// The one until now.
    #[garde(length(chars, min = 1, max = 1000))]
    #[schema(format = Password)]
    pub(super) current_password: String,
    /// The one from now on, by the rules of a new account's.
    #[garde(custom(is_password))]
    #[schema(format = Password, min_length = 10, max_length = 128)]
    pub(super) new_password: String,
}

/// A new address.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EmailChange {
    #[garde(custom(is_email))]
    #[schema(max_length = 254)]
    pub(super) email: String,
}

/// What somebody may be beside a student.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesDocument {
    #[garde(skip)]
    pub(super) instructor: bool,
    #[garde(skip)]
    pub(super) admin: bool,
}

/// What was taken in. Whether the address had an account already is not told here but to its owner.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SignedUpDocument {
    pub(super) email: String,
    pub(super) name: String,
    pub(super) city: String,
}

/// An account as its owner sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AccountDocument {
    id: Uuid,
    email: String,
    email_verified: bool,
    name: String,
    city: String,
    language: String,
    /// Out of `student`, `instructor`, `admin`.
    roles: Vec<&'static str>,
    /// Whether signing in takes a second factor.
    second_factor: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<&Account> for AccountDocument {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            email: account.email.clone(),
            email_verified: account.email_verified_at.is_some(),
            name: account.name.clone(),
            city: account.city.clone(),
            language: account.language.clone(),
            roles: account.roles.names(),
            second_factor: account.second_factor_at.is_some(),
            created_at: account.created_at,
        }
    }
}

/// An account as an administrator sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct UserDocument {
    #[serde(flatten)]
    account: AccountDocument,
    /// Since when nobody is let in.
    #[serde(with = "time::serde::rfc3339::option")]
    locked_at: Option<OffsetDateTime>,
}

impl From<&Account> for UserDocument {
    fn from(account: &Account) -> Self {
        Self { account: account.into(), locked_at: account.locked_at }
    }
}

/// A browser that somebody is signed in with.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionDocument {
    id: Uuid,
    /// The one in which this request's token was given.
    current: bool,
    /// What the browser calls itself.
    user_agent: String,
    #[serde(with = "time::serde::rfc3339")]
    signed_in_at: OffsetDateTime,
    /// To within a few minutes.
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl SessionDocument {
    pub(super) fn new(session: Session, current: Option<Uuid>) -> Self {
        Self {
            id: session.id,
            current: current == Some(session.id),
            user_agent: session.user_agent,
            signed_in_at: session.auth_time,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        }
    }
}

/// The browsers that somebody is signed in with, the last one seen first. At most 200.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionList {
    pub(super) items: Vec<SessionDocument>,
}

fn told<T>(checked: Result<T, Unacceptable>) -> garde::Result {
    checked.map(drop).map_err(|error| garde::Error::new(error.detail))
}

fn is_email(text: &str, (): &()) -> garde::Result {
    told(Email::parse(text))
}

fn is_password(text: &str, (): &()) -> garde::Result {
    // Whom it belongs to is looked at later, when the rest of the body is known to be right.
    told(Password::chosen(text, None, &Words::default()))
}

fn is_name(text: &str, (): &()) -> garde::Result {
    told(domain::name(text))
}

fn is_city(text: &str, (): &()) -> garde::Result {
    told(domain::city(text))
}

fn is_language(text: &str, (): &()) -> garde::Result {
    let known = Language::ALL.iter().any(|language| language.code() == text);
    if known { Ok(()) } else { Err(garde::Error::new("must be tr or en")) }
}
