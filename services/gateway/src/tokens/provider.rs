//! Identity's token endpoint, as the client `gateway` asks it for an exchange (RFC 8693 §2).

use std::time::Duration;

use platform_components::Name;
use platform_config::SecretFile;
use serde::Deserialize;
use url::Url;

use super::slot::Refused;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A caller waits for this.
const TIMEOUT: Duration = Duration::from_secs(3);
const LARGEST_ANSWER: usize = 64 * 1024;

/// The token endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    url: Url,
    secret: SecretFile,
    http: reqwest::Client,
}

/// A token for a service (RFC 8693 §2.2.1).
#[derive(Deserialize)]
pub(super) struct Exchanged {
    pub(super) access_token: String,
    pub(super) expires_in: u32,
}

/// The part of RFC 6749 §5.2 that is used.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    /// Identity says no, and would again.
    #[error("identity refused")]
    Refused(Refused),
    /// Identity can't be asked, or answers something that is no answer.
    #[error("{0}")]
    Away(String),
}

impl Provider {
    /// # Errors
    /// When no HTTP client can be set up, which has to do with the system.
    pub(crate) fn new(url: Url, secret: SecretFile) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { url, secret, http })
    }

    /// Asks for a token for `audience` in exchange for `subject_token`; without `scopes`, with all that both
    /// sides allow.
    pub(super) async fn exchange(
        &self,
        subject_token: &str,
        audience: Name,
        scopes: &str,
    ) -> Result<Exchanged, ProviderError> {
        let mut form = vec![
            ("grant_type", GRANT),
            ("subject_token", subject_token),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("audience", audience.as_str()),
        ];
        if !scopes.is_empty() {
            form.push(("scope", scopes));
        }
        let secret = self.secret.read();
        let secret = secret.map_err(|error| ProviderError::Away(error.to_string()))?;
        let request = self.http.post(self.url.clone());
        let away = |error: reqwest::Error| ProviderError::Away(error.without_url().to_string());
        // The secret is hexadecimal or base64url: form encoding (RFC 6749 §2.3.1) would leave it as it is.
        let request = request.basic_auth(Name::Gateway.as_str(), Some(secret.as_str())).form(&form);
        let mut answer = request.send().await.map_err(away)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(ProviderError::Away("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            let wrong = |error: serde_json::Error| ProviderError::Away(format!("its answer: {error}"));
            return serde_json::from_slice(&body).map_err(wrong);
        }
        let error = serde_json::from_slice::<ErrorAnswer>(&body).map(|it| it.error).unwrap_or_default();
        Err(match (status.as_u16(), error.as_str()) {
            (400, "invalid_grant" | "invalid_token" | "invalid_request") => {
                ProviderError::Refused(Refused::Token)
            }
            (400 | 403, "invalid_scope" | "invalid_target") => ProviderError::Refused(Refused::Target),
            (status, error) => ProviderError::Away(format!("it answered {status} {error:.40}")),
        })
    }
}
