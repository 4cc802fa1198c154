//! grant_type=password (RFC 6749 §4.3), for clients that opt in where the platform allows it: RFC 9700 §2.4 says
//! it must not be used, so it is off unless somebody needs it. Never for what an administrator may do.

use http::HeaderMap;
use platform_components::Role;
use time::OffsetDateTime;

use super::issue::{Grants, TokenAnswer, asked, user_may_have};
use crate::accounts::{Attempt, Password, SignInError};
use crate::clients::Client;
use crate::oauth::{OAuthError, Parameters};
use crate::sessions::Methods;
use crate::throttle::client_address;

impl Grants {
    pub(super) async fn password(
        &self,
        client: &Client,
        headers: &HeaderMap,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        let (email, password) = (parameters.required("username")?, parameters.required("password")?);
        let registry = self.clients.registry();
        let by_password = |scope: &str| {
            let known = registry.scope(scope).is_some_and(|it| it.role != Some(Role::Admin));
            known && client.scopes.contains(scope)
        };
        let asked = match asked(parameters)? {
            Some(scopes) => scopes,
            None => client.scopes.filtered(by_password),
        };
        if asked.is_empty() || !asked.iter().all(by_password) {
            return Err(OAuthError::invalid_scope("the client has no such scope by password"));
        }
        let attempt = Attempt {
            email: email.to_owned(),
            password: Password::typed(password),
            address: client_address(headers),
            device: None,
        };
        let account = self.sign_in.check(attempt).await.map_err(|error| match error {
            SignInError::Refused => OAuthError::invalid_grant("the user name or the password is wrong"),
            SignInError::Blocked { retry_after_seconds } => OAuthError::try_later(retry_after_seconds),
            SignInError::Busy => OAuthError::busy(),
            SignInError::Store(error) => OAuthError::unavailable(&error),
        })?;
        // Two factors in one request would teach people to give both to whoever asks (RFC 9700 §2.4).
        if !self.sign_in.takes_a_password_alone(&account) {
            return Err(OAuthError::invalid_grant(
                "the account takes a second factor: its user signs in with a browser",
            ));
        }
        let holder = self.store.holder(account.id, None, now).await?;
        let holder = holder.ok_or_else(|| OAuthError::invalid_grant("the account is not there any more"))?;
        let scopes = asked.filtered(|scope| user_may_have(&registry, client, &holder, scope));
        let (family, refresh) = self.family(client, account.id, None, asked, (now, Methods::Password), now);
        if !self.store.insert_family(&family, &account.password_hash).await? {
            return Err(OAuthError::invalid_grant("the user name or the password is wrong"));
        }
        let answer = self.user_tokens(&family, &holder, &scopes, None, now)?;
        Ok(answer.with_refresh_token(refresh.as_ref()))
    }
}
