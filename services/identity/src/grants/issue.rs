//! What every grant has in common: whom it may give which scopes, and how a token says so.

use std::sync::Arc;

use platform_auth::{AccessToken, Actor, Audience, Role};
use platform_components::{Grant, Role as Required, Subject};
use serde::Serialize;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::domain::{Family, Holder, RefreshToken};
use super::state::TokenStates;
use super::store::{GrantStore, StoreError};
use crate::accounts::{Roles, SignIn};
use crate::clients::{Authentication, Client, Clients, Registry};
use crate::oauth::{OAuthError, Parameters, Scopes, Secret, split};
use crate::sessions::Methods;
use crate::tokens::{IdToken, TokenId, TokenSettings, Tokens};

/// The audience of every token that a client outside the platform holds.
pub(super) const GATEWAY: &str = "gateway";
/// Longest list of scopes in bytes, as the database keeps it.
const LONGEST_SCOPE: usize = 1000;

/// Lifetimes and choices.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) code: Duration,
    pub(crate) access: Duration,
    pub(crate) service: Duration,
    pub(crate) id: Duration,
    pub(crate) refresh_idle: Duration,
    pub(crate) refresh_max: Duration,
    pub(crate) refresh_grace: Duration,
    pub(crate) password_grant: bool,
    /// Whether buying and teaching take a verified e-mail address.
    pub(crate) verified_email: bool,
}

impl Rules {
    pub(crate) fn new(settings: &TokenSettings, verified_email: bool) -> Self {
        let days = |days: u16| Duration::days(i64::from(days));
        // Settings are at most a day, which always fits.
        let span = |span: std::time::Duration| Duration::try_from(span).unwrap_or(Duration::DAY);
        Self {
            code: span(settings.authorization_code_seconds),
            access: span(settings.access_token_seconds),
            service: span(settings.service_token_seconds),
            id: span(settings.id_token_seconds),
            refresh_idle: days(settings.refresh_idle_days),
            refresh_max: days(settings.refresh_max_days),
            refresh_grace: span(settings.refresh_grace_seconds),
            password_grant: settings.password_grant,
            verified_email,
        }
    }
}

/// What the token endpoint works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Grants(Arc<GrantsInner>);

pub(crate) struct GrantsInner {
    pub(crate) clients: Clients,
    pub(crate) authentication: Authentication,
    pub(crate) store: Arc<dyn GrantStore>,
    pub(crate) states: TokenStates,
    pub(crate) tokens: Tokens,
    pub(crate) rules: Rules,
    pub(crate) sign_in: SignIn,
}

impl std::ops::Deref for Grants {
    type Target = GrantsInner;

    fn deref(&self) -> &GrantsInner {
        &self.0
    }
}

/// A successful answer (RFC 6749 §5.1, RFC 8693 §2.2.1, OpenID Connect Core §3.1.3.3).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct TokenAnswer {
    /// A JWT (RFC 9068).
    access_token: String,
    /// What kind of token a token exchange gave (RFC 8693 §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    /// `Bearer` (RFC 6750).
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// The scopes that it has, which may be fewer than were asked for.
    scope: String,
    /// For the next access token; used once.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Who signed in, when `openid` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error)
    }
}

/// The scopes that a request asks for; `None` when it names none.
pub(super) fn asked(parameters: &Parameters<'_>) -> Result<Option<Scopes>, OAuthError> {
    let Some(text) = parameters.optional("scope")? else { return Ok(None) };
    if text.len() > LONGEST_SCOPE {
        return Err(OAuthError::invalid_scope("the list of scopes is too long"));
    }
    let scopes = split(text).ok_or_else(|| OAuthError::invalid_scope("the list of scopes is malformed"))?;
    Ok(Some(scopes.into_iter().collect()))
}

/// Whether a user's token for this client may have the scope now: the file may have changed since it was asked
/// for, and so may the user's roles.
pub(super) fn user_may_have(registry: &Registry, client: &Client, holder: &Holder, scope: &str) -> bool {
    registry.scope(scope).is_some_and(|it| {
        client.scopes.contains(scope)
            && it.subject != Subject::Service
            && (client.first_party || it.third_party)
            && it.role.is_none_or(|role| has(holder.roles, role))
    })
}

fn has(roles: Roles, required: Required) -> bool {
    match required {
        Required::Student => true,
        Required::Instructor => roles.instructor,
        Required::Admin => roles.admin,
    }
}

/// The claim `roles`.
pub(super) fn roles(roles: Roles) -> Vec<Role> {
    let mut all = vec![Role::Student];
    all.extend(roles.instructor.then_some(Role::Instructor));
    all.extend(roles.admin.then_some(Role::Admin));
    all
}

/// What an access token is about.
pub(super) struct Access<'a> {
    pub(super) subject: String,
    pub(super) client_id: &'a str,
    pub(super) audience: &'a str,
    pub(super) scopes: &'a Scopes,
    pub(super) expires_at: OffsetDateTime,
    pub(super) family: Option<Uuid>,
    pub(super) user: Option<User>,
    pub(super) actor: Option<String>,
}

/// What a user's token says besides.
pub(super) struct User {
    pub(super) session: Option<Uuid>,
    pub(super) auth_time: i64,
    pub(super) roles: Roles,
}

impl Grants {
    pub(crate) fn new(inner: GrantsInner) -> Self {
        Self(Arc::new(inner))
    }

    /// Signs an access token and answers with it.
    pub(super) fn access(&self, access: Access<'_>, now: OffsetDateTime) -> Result<TokenAnswer, OAuthError> {
        let user = access.user;
        let claims = AccessToken {
            iss: self.tokens.issuer.to_string(),
            aud: Audience::One(access.audience.to_owned()),
            sub: access.subject,
            client_id: access.client_id.to_owned(),
            exp: access.expires_at.unix_timestamp(),
            iat: now.unix_timestamp(),
            nbf: None,
            jti: TokenId::new(access.family).as_str().to_owned(),
            scope: access.scopes.iter().collect(),
            sid: user.as_ref().and_then(|user| user.session),
            auth_time: user.as_ref().map(|user| user.auth_time),
            roles: user.map_or(Vec::new(), |user| roles(user.roles)),
            act: access.actor.map(|sub| Actor { sub }),
        };
        Ok(TokenAnswer {
            access_token: self.tokens.access(&claims, now)?,
            issued_token_type: None,
            token_type: "Bearer",
            expires_in: claims.exp - claims.iat,
            scope: claims.scope.to_string(),
            refresh_token: None,
            id_token: None,
        })
    }

    /// The tokens of a family: an access token, and an ID token when `openid` is among the scopes.
    pub(super) fn user_tokens(
        &self,
        family: &Family,
        holder: &Holder,
        scopes: &Scopes,
        nonce: Option<String>,
        now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        let session = family.session_id.filter(|_| holder.session_active);
        let access = Access {
            subject: family.account_id.hyphenated().to_string(),
            client_id: &family.client_id,
            audience: GATEWAY,
            scopes,
            expires_at: (now + self.rules.access).min(family.expires_at),
            family: Some(family.id),
            user: Some(User { session, auth_time: family.auth_time.unix_timestamp(), roles: holder.roles }),
            actor: None,
        };
        let mut answer = self.access(access, now)?;
        if scopes.contains("openid") {
            let claims = IdToken {
                iss: self.tokens.issuer.to_string(),
                sub: family.account_id.hyphenated().to_string(),
                aud: family.client_id.clone(),
                exp: (now + self.rules.id).unix_timestamp(),
                iat: now.unix_timestamp(),
                auth_time: family.auth_time.unix_timestamp(),
                amr: family.methods.names(),
                nonce,
                at_hash: None,
                sid: session,
            };
            answer.id_token = Some(self.tokens.id(claims, &answer.access_token, now)?);
        }
        Ok(answer)
    }

    /// A new family for a client, and its first refresh token when the client may have one.
    pub(super) fn family(
        &self,
        client: &Client,
        account_id: Uuid,
        session_id: Option<Uuid>,
        scopes: Scopes,
        (auth_time, methods): (OffsetDateTime, Methods),
        now: OffsetDateTime,
    ) -> (Family, Option<RefreshToken>) {
        let token = RefreshToken::new();
        let refreshes = client.may(Grant::RefreshToken);
        // Without refresh tokens it is there for the access token alone, which ends with it.
        let until = now + if refreshes { self.rules.refresh_max } else { self.rules.access };
        let family = Family {
            id: token.family(),
            client_id: client.id.clone(),
            account_id,
            session_id,
            scopes,
            auth_time,
            methods,
            current: if refreshes { token.secret.hash() } else { Secret::new().hash() },
            previous: None,
            salt: None,
            rotated_at: now,
            created_at: now,
            idle_until: (now + self.rules.refresh_idle).min(until),
            expires_at: until,
            revoked_at: None,
        };
        (family, refreshes.then_some(token))
    }
}

impl TokenAnswer {
    pub(super) fn with_refresh_token(mut self, token: Option<&RefreshToken>) -> Self {
        self.refresh_token = token.map(RefreshToken::encode);
        self
    }

    pub(super) fn with_issued_type(mut self, issued: &'static str) -> Self {
        self.issued_token_type = Some(issued);
        self
    }
}
