//! Names of tokens. A token of a user names the grant that it came from, so that it ends with it: with the
//! family of refresh tokens beside it (RFC 7009 §2.1), or when its code comes a second time (RFC 6749 §4.1.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::oauth::{Hash, random, sha256};

/// What a `jti` says: a random part, and the family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenId {
    text: String,
    pub(crate) family: Option<Uuid>,
}

impl TokenId {
    /// A new one.
    pub(crate) fn new(family: Option<Uuid>) -> Self {
        let random = URL_SAFE_NO_PAD.encode(random::<16>());
        let text = match family {
            Some(family) => format!("{}.{random}", family.simple()),
            None => random,
        };
        Self { text, family }
    }

    /// Of a token of ours. A family in an id is not a secret and opens nothing.
    pub(crate) fn of(jti: &str) -> Self {
        let family = jti.split_once('.').and_then(|(family, _)| Uuid::try_parse(family).ok());
        Self { text: jti.to_owned(), family }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What the store knows it by.
    pub(crate) fn hash(&self) -> Hash {
        sha256(self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_family() {
        let family = Uuid::new_v4();
        let id = TokenId::new(Some(family));
        assert_eq!(TokenId::of(id.as_str()), id);
        assert_eq!(id.family, Some(family));
        assert_eq!(TokenId::of(TokenId::new(None).as_str()).family, None);
    }
}
