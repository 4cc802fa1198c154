//! Where a browser goes that comes back to a request, and what stands in such an address.

use time::OffsetDateTime;
use url::form_urlencoded;

use super::request::{AuthorizationRequest, PATH, SIGNED_IN_AFTER};
use crate::oauth::Parameters;
use crate::sessions::Session;

/// Longest address in bytes that the sign-in page returns to.
const LONGEST_RETURN: usize = 4096;
/// Where somebody signs in.
const SIGN_IN: &str = "/identity/sign-in";

/// Parameters as they stand in an address.
pub(super) fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The sign-in page, which comes back to this request: without the wish to sign in, which is fulfilled then, but
/// with the time since which it counts. `None` when the request is too long to come back.
pub(super) fn sign_in_address(
    parameters: &Parameters<'_>,
    request: &AuthorizationRequest,
    session: Option<&Session>,
    now: OffsetDateTime,
) -> Option<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(name, _)| !matches!(*name, "prompt" | SIGNED_IN_AFTER)) {
        query.append_pair(name, value);
    }
    if request.prompt.consent {
        query.append_pair("prompt", "consent");
    }
    if session.is_some() || request.prompt.sign_in || request.max_age.is_some() {
        query.append_pair(SIGNED_IN_AFTER, &now.unix_timestamp().to_string());
    }
    let continue_to = format!("{PATH}?{}", query.finish());
    if continue_to.len() > LONGEST_RETURN {
        return None;
    }
    let optional = |name| parameters.optional(name).ok().flatten();
    let mut address = vec![("continue", continue_to.as_str())];
    // Core §3.1.2.1: only hints.
    address.extend(optional("login_hint").filter(|hint| hint.len() <= 254).map(|hint| ("login_hint", hint)));
    let spoken = optional("ui_locales").unwrap_or_default().split(' ').map(|tag| tag.split('-').next());
    let language = spoken.flatten().find(|language| matches!(*language, "tr" | "en"));
    address.extend(language.map(|language| ("lang", language)));
    Some(format!("{SIGN_IN}?{}", encode(address.into_iter())))
}
