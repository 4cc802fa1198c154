//! grant_type=authorization_code (RFC 6749 §4.1.3), with PKCE always (RFC 7636, RFC 9700 §2.1.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

use super::issue::{Grants, TokenAnswer, user_may_have};
use crate::clients::Client;
use crate::oauth::{Hash, OAuthError, Parameters, Secret, equal, sha256};

impl Grants {
    pub(super) async fn authorization_code(
        &self,
        client: &Client,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        let code = parameters.required("code")?;
        let redirect_uri = parameters.required("redirect_uri")?;
        let verifier = parameters.required("code_verifier")?;
        if !is_verifier(verifier) {
            return Err(OAuthError::invalid_request("code_verifier is malformed"));
        }
        let hash = Secret::decode(code).ok_or_else(wrong)?.hash();
        let found = self.store.find_code(&hash).await?.ok_or_else(wrong)?;
        if found.used_at.is_some() {
            return self.replayed(found.family_id, now).await;
        }
        let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
        let fits = found.client_id == client.id
            && found.redirect_uri == redirect_uri
            && equal(challenge.as_bytes(), found.challenge.as_bytes())
            && now < found.expires_at;
        if !fits {
            return Err(wrong());
        }
        let holder = self.store.holder(found.account_id, Some(found.session_id), now).await?;
        let holder = holder.filter(|holder| holder.session_active).ok_or_else(wrong)?;
        let (family, refresh) = self.family(
            client,
            found.account_id,
            Some(found.session_id),
            found.scopes.clone(),
            (found.auth_time, found.methods),
            now,
        );
        if !self.store.redeem(&hash, &family).await? {
            return self.redeemed_meanwhile(&hash, now).await;
        }
        let registry = self.clients.registry();
        let scopes = found.scopes.filtered(|scope| user_may_have(&registry, client, &holder, scope));
        let answer = self.user_tokens(&family, &holder, &scopes, found.nonce, now)?;
        Ok(answer.with_refresh_token(refresh.as_ref()))
    }

    /// Somebody else had the same code at the same moment.
    async fn redeemed_meanwhile(&self, hash: &Hash, now: OffsetDateTime) -> Result<TokenAnswer, OAuthError> {
        let family = self.store.find_code(hash).await?.and_then(|code| code.family_id);
        self.replayed(family, now).await
    }

    /// A code that comes twice is known to somebody who should not know it: what it gave ends (RFC 6749 §4.1.2,
    /// RFC 9700 §2.1.1), whichever client sends it.
    async fn replayed(&self, family: Option<Uuid>, now: OffsetDateTime) -> Result<TokenAnswer, OAuthError> {
        if let Some(family) = family {
            tracing::warn!(%family, "an authorization code was used twice: what it gave is revoked");
            self.store.revoke_family(family, now).await?;
        }
        Err(wrong())
    }
}

/// One answer for whatever is wrong with a code.
fn wrong() -> OAuthError {
    OAuthError::invalid_grant("the code is not valid for this client, address and verifier")
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}
