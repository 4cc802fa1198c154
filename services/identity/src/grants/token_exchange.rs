//! grant_type=urn:ietf:params:oauth:grant-type:token-exchange (RFC 8693): the gateway turns the token of a caller
//! into one for the service that the request is for. The same subject, never more, never longer.

use platform_auth::{AccessToken, Rejection, Subject as TokenSubject};
use platform_components::Subject;
use time::OffsetDateTime;

use super::issue::{Access, GATEWAY, Grants, TokenAnswer, User, asked, user_may_have};
use super::store::TokenState;
use crate::clients::Client;
use crate::oauth::{OAuthError, Parameters, Scopes};
use crate::tokens::TokenId;

/// The only type of token that is taken and given (RFC 8693 §3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What takes a verified e-mail address, where mails can be sent.
const VERIFIED: [&str; 2] = ["order.buy", "catalog.teach"];

impl Grants {
    pub(super) async fn token_exchange(
        &self,
        actor: &Client,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        let subject_token = parameters.required("subject_token")?;
        if parameters.required("subject_token_type")? != ACCESS_TOKEN {
            return Err(OAuthError::invalid_request("subject_token_type must be that of an access token"));
        }
        if parameters.optional("requested_token_type")?.is_some_and(|wanted| wanted != ACCESS_TOKEN) {
            return Err(OAuthError::invalid_request("requested_token_type must be that of an access token"));
        }
        if parameters.optional("actor_token")?.is_some() || parameters.optional("actor_token_type")?.is_some()
        {
            return Err(OAuthError::invalid_request("the actor is the client: actor_token is not taken"));
        }
        let registry = self.clients.registry();
        let mut audiences = parameters.all("audience");
        let audience = audiences.next().ok_or_else(|| OAuthError::invalid_request("audience is missing"))?;
        if audiences.next().is_some()
            || parameters.all("resource").next().is_some()
            || !registry.is_audience(audience)
        {
            return Err(OAuthError::invalid_target("name one service as the audience"));
        }
        let verified = self.tokens.verify(subject_token).map_err(|rejection| match rejection {
            Rejection::NoKeys => OAuthError::busy(),
            _ => unacceptable(),
        })?;
        let claims = verified.claims();
        // What was exchanged is not exchanged again: `act` would have to nest.
        if !claims.aud.contains(GATEWAY) || claims.act.is_some() || claims.exp <= now.unix_timestamp() {
            return Err(unacceptable());
        }
        let client = registry.client(&claims.client_id).ok_or_else(unacceptable)?;
        let state = self.states.now(&verified, now).await?;
        let asked = asked(parameters)?;
        let narrowed = |scope: &&str| {
            let of_the_target = registry.scope(scope).is_some_and(|it| it.audience == audience);
            of_the_target && asked.as_ref().is_none_or(|asked| asked.contains(scope))
        };
        let scopes: Scopes = claims.scope.iter().filter(narrowed).collect();
        let (scopes, user) = match (state, verified.subject()) {
            (TokenState::User(holder), TokenSubject::User(_)) => {
                let unverified = self.rules.verified_email && !holder.email_verified;
                let allowed = scopes.filtered(|scope| user_may_have(&registry, client, &holder, scope));
                let kept = allowed.filtered(|scope| !(unverified && VERIFIED.contains(&scope)));
                if kept.is_empty() && !allowed.is_empty() {
                    return Err(OAuthError::invalid_scope("the e-mail address is not verified yet"));
                }
                let user = User { session: claims.sid, auth_time: auth_time(claims), roles: holder.roles };
                (kept, Some(user))
            }
            (TokenState::Service, TokenSubject::Service) => {
                let any = |scope: &str| registry.scope(scope).is_some_and(|it| it.subject == Subject::Any);
                (scopes.filtered(|scope| any(scope) && client.scopes.contains(scope)), None)
            }
            _ => return Err(unacceptable()),
        };
        if scopes.is_empty() {
            return Err(OAuthError::invalid_scope("nothing is left of the scopes for this audience"));
        }
        let until = OffsetDateTime::from_unix_timestamp(claims.exp).map_err(|_| unacceptable())?;
        let access = Access {
            subject: claims.sub.clone(),
            client_id: &claims.client_id,
            audience,
            scopes: &scopes,
            expires_at: until.min(now + self.rules.access),
            family: TokenId::of(&claims.jti).family,
            user,
            actor: Some(actor.id.clone()),
        };
        Ok(self.access(access, now)?.with_issued_type(ACCESS_TOKEN))
    }
}

/// A user's token always has it; without it, it was long ago.
fn auth_time(claims: &AccessToken) -> i64 {
    claims.auth_time.unwrap_or_default()
}

/// RFC 8693 §2.2.2: an unacceptable subject token is an invalid request.
fn unacceptable() -> OAuthError {
    OAuthError::invalid_request("the subject token is not valid here, or not any more")
}
