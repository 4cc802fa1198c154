//! Signs and checks tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_auth::{AccessToken, Authenticator, LONGEST_TOKEN, Rejection, Verified};
use serde::Deserialize;
use time::OffsetDateTime;

use super::id_token::{IdToken, at_hash};
use crate::keys::{KeyError, Keys, Kind};
use crate::oauth::OAuthError;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    /// The keys are not usable, or not yet.
    #[error("there is no key to sign with")]
    NoKey,
    /// The signature can't be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The claims can't be written.
    #[error("the claims can't be written")]
    Claims(#[from] serde_json::Error),
}

impl From<TokensError> for OAuthError {
    fn from(error: TokensError) -> Self {
        Self::unavailable(&error)
    }
}

/// Signs and checks the tokens of this issuer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) issuer: Arc<str>,
    keys: Keys,
    authenticator: Authenticator,
}

impl Tokens {
    pub(crate) fn new(issuer: &str, keys: Keys, trusted: platform_auth::Keys) -> Self {
        let authenticator = Authenticator::for_any_audience(issuer, trusted);
        Self { issuer: issuer.into(), keys, authenticator }
    }

    /// Waits for the keys while the process starts.
    pub(crate) async fn started(&self) {
        self.keys.looked_at().await;
    }

    /// Signs an access token.
    pub(crate) fn access(&self, claims: &AccessToken, now: OffsetDateTime) -> Result<String, TokensError> {
        self.sign(Kind::Access, &serde_json::to_vec(claims)?, now)
    }

    /// Signs an ID token that goes with an access token.
    pub(crate) fn id(
        &self,
        mut claims: IdToken,
        access_token: &str,
        now: OffsetDateTime,
    ) -> Result<String, TokensError> {
        claims.at_hash = Some(at_hash(access_token));
        self.sign(Kind::Id, &serde_json::to_vec(&claims)?, now)
    }

    fn sign(&self, kind: Kind, claims: &[u8], now: OffsetDateTime) -> Result<String, TokensError> {
        Ok(self.keys.signing(now).ok_or(TokensError::NoKey)?.sign(kind, claims)?)
    }

    /// Checks an access token of whatever audience. That it was not revoked, nor its session ended, is for the
    /// store to say.
    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Verified>, Rejection> {
        self.authenticator.verify_now(token)
    }

    /// The claims of an ID token of ours, whenever it expired: RP-Initiated Logout §2 asks for as much.
    pub(crate) fn hint(&self, token: &str, now: OffsetDateTime) -> Option<IdToken> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Header<'a> {
            typ: &'a str,
            alg: &'a str,
            kid: &'a str,
        }
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header = decode(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        if header.typ != "JWT" || header.alg != "ES256" {
            return None;
        }
        let key = self.keys.verifying(header.kid, now)?;
        if !key.verifies(message.as_bytes(), &decode(signature)?) {
            return None;
        }
        let claims: IdToken = serde_json::from_slice(&decode(claims)?).ok()?;
        (claims.iss == *self.issuer).then_some(claims)
    }
}
