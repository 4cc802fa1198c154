//! grant_type=refresh_token (RFC 6749 §6), rotated at each use (RFC 9700 §4.14.2).

use time::OffsetDateTime;

use super::domain::{Family, Holder, RefreshToken, Rotation, Standing, successor};
use super::issue::{Grants, TokenAnswer, asked, user_may_have};
use crate::clients::Client;
use crate::oauth::{OAuthError, Parameters, Scopes, equal, random};

impl Grants {
    pub(super) async fn refresh_token(
        &self,
        client: &Client,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        let token = RefreshToken::decode(parameters.required("refresh_token")?).ok_or_else(wrong)?;
        let (mut family, mut holder) = self.usable(client, &token, now).await?;
        let wanted = asked(parameters)?;
        let scopes = self.scopes(client, &family, &holder, wanted.as_ref())?;
        if family.standing(&token.secret, self.rules.refresh_grace, now) == Standing::Current {
            let salt = random();
            let next = successor(&token.secret, &salt);
            let rotation = Rotation {
                from: token.secret.hash(),
                to: next.hash(),
                salt,
                at: now,
                idle_until: (now + self.rules.refresh_idle).min(family.expires_at),
            };
            if self.store.rotate(family.id, &rotation).await? {
                let answer = self.user_tokens(&family, &holder, &scopes, None, now)?;
                return Ok(answer.with_refresh_token(Some(&token.with(next))));
            }
            // The same token came twice at the same moment and the other request was faster.
            (family, holder) = self.usable(client, &token, now).await?;
        }
        match family.standing(&token.secret, self.rules.refresh_grace, now) {
            Standing::JustReplaced => {
                let salt = family.salt.ok_or_else(wrong)?;
                let next = successor(&token.secret, &salt);
                if !equal(&next.hash(), &family.current) {
                    return Err(wrong());
                }
                let answer = self.user_tokens(&family, &holder, &scopes, None, now)?;
                Ok(answer.with_refresh_token(Some(&token.with(next))))
            }
            Standing::Reused => {
                tracing::warn!(family = %family.id, "a refresh token was used again: its family is revoked");
                self.store.revoke_family(family.id, now).await?;
                Err(wrong())
            }
            // It was revoked between two looks.
            Standing::Current => Err(wrong()),
        }
    }

    /// The token's family, when it is this client's, alive, and somebody's who may have tokens.
    async fn usable(
        &self,
        client: &Client,
        token: &RefreshToken,
        now: OffsetDateTime,
    ) -> Result<(Family, Holder), OAuthError> {
        let (family, holder) = self.store.find_family(token.family(), now).await?.ok_or_else(wrong)?;
        if family.client_id != client.id || !family.is_alive(now) {
            return Err(wrong());
        }
        let holder = holder.ok_or_else(wrong)?;
        if !family.is_held_by(&holder) {
            return Err(wrong());
        }
        Ok((family, holder))
    }

    /// What was granted, or less when less is asked for (RFC 6749 §6), as far as the user may still have it.
    fn scopes(
        &self,
        client: &Client,
        family: &Family,
        holder: &Holder,
        wanted: Option<&Scopes>,
    ) -> Result<Scopes, OAuthError> {
        let wanted = wanted.unwrap_or(&family.scopes);
        if !family.scopes.covers(wanted) {
            return Err(OAuthError::invalid_scope("a scope was not granted before"));
        }
        let registry = self.clients.registry();
        let scopes = wanted.filtered(|scope| user_may_have(&registry, client, holder, scope));
        if scopes.is_empty() {
            return Err(OAuthError::invalid_scope("none of the scopes can be had any more"));
        }
        Ok(scopes)
    }
}

/// One answer for whatever is wrong with a refresh token.
fn wrong() -> OAuthError {
    OAuthError::invalid_grant("the refresh token is not valid for this client")
}
