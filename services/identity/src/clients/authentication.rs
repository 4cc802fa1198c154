//! Which client is calling (RFC 6749 §2.3): `client_secret_basic`, `client_secret_post`, `private_key_jwt`, or
//! `none` for public clients. One way at a time.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use time::OffsetDateTime;
use url::form_urlencoded;

use super::assertion::Assertion;
use super::{Client, Clients};
use crate::grants::GrantStore;
use crate::oauth::{OAuthError, Parameters, equal, sha256};

/// The only type of assertion (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The algorithms of private_key_jwt.
pub(crate) use super::assertion::ALGORITHMS;

/// Finds out which client is calling. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Authentication {
    clients: Clients,
    store: Arc<dyn GrantStore>,
    /// What an assertion's `aud` may be: the issuer or the token endpoint (RFC 7523 §3).
    audiences: Arc<[String; 2]>,
}

/// What a request proves itself with.
enum Credentials<'a> {
    Secret {
        id: Cow<'a, str>,
        secret: Cow<'a, str>,
    },
    Assertion(&'a str),
    /// A public client says who it is and can't prove it.
    None(&'a str),
}

impl Authentication {
    pub(crate) fn new(clients: Clients, store: Arc<dyn GrantStore>, issuer: &str) -> Self {
        Self { clients, store, audiences: Arc::new([issuer.to_owned(), format!("{issuer}/token")]) }
    }

    /// The client that is calling.
    pub(crate) async fn client(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<Arc<Client>, OAuthError> {
        let named = parameters.optional("client_id")?;
        let client = match credentials(headers, parameters)? {
            Credentials::Secret { id, secret } => self.by_secret(&id, &secret)?,
            Credentials::Assertion(text) => self.by_assertion(text, now).await?,
            Credentials::None(id) => self.public(id)?,
        };
        if named.is_some_and(|named| named != client.id) {
            return Err(OAuthError::invalid_request("client_id is not the client that authenticated"));
        }
        Ok(client)
    }

    /// The same, but only a client that can prove who it is.
    pub(crate) async fn confidential(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<Arc<Client>, OAuthError> {
        let client = self.client(headers, parameters, now).await?;
        if client.public {
            return Err(OAuthError::invalid_client("this endpoint is for confidential clients"));
        }
        Ok(client)
    }

    fn by_secret(&self, id: &str, secret: &str) -> Result<Arc<Client>, OAuthError> {
        let hash = sha256(secret.as_bytes());
        let client = self.clients.client(id);
        // All are compared: how long it takes does not tell which one is right, nor whether there is a client.
        let known = client.as_ref().map_or(&[][..], |client| &client.secrets);
        let fits = known.iter().fold(false, |fits, secret| equal(secret, &hash) | fits);
        client.filter(|_| fits).ok_or_else(wrong)
    }

    fn public(&self, id: &str) -> Result<Arc<Client>, OAuthError> {
        self.clients.client(id).filter(|client| client.public).ok_or_else(wrong)
    }

    async fn by_assertion(&self, text: &str, now: OffsetDateTime) -> Result<Arc<Client>, OAuthError> {
        let assertion = Assertion::parse(text).ok_or_else(wrong)?;
        let client = self.clients.client(assertion.subject()).ok_or_else(wrong)?;
        let checked = assertion.check(&client.id, &client.keys, &*self.audiences, now);
        let (hash, until) = checked.ok_or_else(wrong)?;
        // Single use (RFC 7523 §3, jti): the row is the lock.
        let first = self.store.use_assertion(&hash, until).await;
        if !first.map_err(|error| OAuthError::unavailable(&error))? {
            return Err(OAuthError::invalid_client("the assertion was used before"));
        }
        Ok(client)
    }
}

/// Unknown client, wrong secret and wrong method are the same to whoever tries.
fn wrong() -> OAuthError {
    OAuthError::invalid_client("client authentication failed")
}

fn credentials<'a>(
    headers: &HeaderMap,
    parameters: &'a Parameters<'_>,
) -> Result<Credentials<'a>, OAuthError> {
    let id = parameters.optional("client_id")?;
    let secret = parameters.optional("client_secret")?;
    let assertion = parameters.optional("client_assertion")?;
    let kind = parameters.optional("client_assertion_type")?;
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next();
    // RFC 6749 §2.3: no more than one method in a request.
    let methods = [authorization.is_some(), secret.is_some(), assertion.is_some()];
    if methods.iter().filter(|used| **used).count() > 1 || authorizations.next().is_some() {
        return Err(OAuthError::invalid_request("a client authenticates in one way at a time"));
    }
    if assertion.is_some() != kind.is_some() || kind.is_some_and(|kind| kind != ASSERTION_TYPE) {
        return Err(OAuthError::invalid_request("client_assertion and its type go together"));
    }
    if let Some(value) = authorization {
        let (id, secret) = basic(value).ok_or_else(wrong)?;
        return Ok(Credentials::Secret { id: id.into(), secret: secret.into() });
    }
    if let Some(assertion) = assertion {
        return Ok(Credentials::Assertion(assertion));
    }
    let id = id.ok_or_else(|| OAuthError::invalid_client("the client does not say who it is"))?;
    Ok(match secret {
        Some(secret) => Credentials::Secret { id: id.into(), secret: secret.into() },
        None => Credentials::None(id),
    })
}

/// Name and password of `Basic …` (RFC 7617 §2), each form-encoded by the client (RFC 6749 §2.3.1).
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// Undoes `application/x-www-form-urlencoded` for one value.
fn decoded(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        // Not encoded at all, as some clients do it: no secret of ours has such characters.
        return None;
    }
    let value = form_urlencoded::parse(text.as_bytes()).next().map_or(String::new(), |(name, _)| name.into());
    (!value.contains(char::REPLACEMENT_CHARACTER)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pair: &str) -> Option<(String, String)> {
        basic(&HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).unwrap())
    }

    #[test]
    fn basic_credentials_are_form_encoded() {
        assert_eq!(read("web:a%3Ab+c"), Some(("web".to_owned(), "a:b c".to_owned())));
        assert_eq!(read("web:"), Some(("web".to_owned(), String::new())));
        for wrong in ["web", "web:%ff", "a=b:c"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        for wrong in ["Basic", "Basic ***", "Bearer d2ViOmE=", ""] {
            assert_eq!(basic(&HeaderValue::from_static(wrong)), None, "{wrong}");
        }
    }
}
