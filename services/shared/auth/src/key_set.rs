//! A set of public keys, read from a JWKS (RFC 7517). Only what this platform's tokens are signed with is
//! taken: P-256 for ES256. Everything else is left out, and told.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// More keys than any rotation has at a time.
const MOST_KEYS: usize = 16;
const LONGEST_KID: usize = 200;
const COORDINATE_BYTES: usize = 32;
/// An uncompressed point begins with this (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// Why a document is no set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is something else.
    #[error("not a JWKS: an object with a list `keys`")]
    NotAKeySet,
    /// It has no key that a token of ours could be signed with.
    #[error("the JWKS has no usable key: {}", .0.join("; "))]
    NoUsableKey(Vec<String>),
}

/// Public keys by their ids. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Arc<[Arc<VerifyingKey>]>,
    ignored: Arc<[String]>,
}

/// One public key.
#[derive(Debug)]
pub(crate) struct VerifyingKey {
    kid: String,
    point: [u8; 1 + 2 * COORDINATE_BYTES],
    parsed: ParsedPublicKey,
}

impl VerifyingKey {
    /// Whether `signature` (r and s, 32 bytes each) is this key's for `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.point == other.point
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWKS. Keys of other kinds, with a private part, or whose id is not unique, are left out;
    /// [`KeySet::ignored`] tells which and why.
    ///
    /// # Errors
    /// When it is no JWKS or no key is left.
    pub fn parse(jwks: &[u8]) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_slice(jwks).map_err(|_| KeySetError::NotAKeySet)?;
        let (mut keys, mut ignored) = (Vec::new(), Vec::new());
        for (index, jwk) in document.keys.iter().enumerate() {
            match read(jwk) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(reason) => ignored.push(format!("key {index} {reason}")),
            }
        }
        let kids: Vec<String> = keys.iter().map(|key: &Arc<VerifyingKey>| key.kid.clone()).collect();
        keys.retain(|key| {
            let unique = kids.iter().filter(|kid| **kid == key.kid).count() == 1;
            if !unique {
                ignored.push(format!("key {:?} is there more than once", key.kid));
            }
            unique
        });
        if keys.len() > MOST_KEYS {
            ignored.push(format!("only the first {MOST_KEYS} of {} keys are used", keys.len()));
            keys.truncate(MOST_KEYS);
        }
        if document.keys.is_empty() {
            ignored.push("it is empty".to_owned());
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey(ignored));
        }
        Ok(Self { keys: keys.into(), ignored: ignored.into() })
    }

    /// What was left out of the set, and why.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The key with this id.
    pub(crate) fn get(&self, kid: &str) -> Option<&Arc<VerifyingKey>> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Whether this very key is still in the set.
    pub(crate) fn has(&self, key: &VerifyingKey) -> bool {
        self.keys.iter().any(|known| **known == *key)
    }
}

/// Takes one key (RFC 7518 §6.2.1), or says what is wrong with it.
fn read(jwk: &Value) -> Result<VerifyingKey, &'static str> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let absent_or = |name: &str, value: &str| jwk.get(name).is_none_or(|it| it == value);
    if text("kty") != Some("EC") || text("crv") != Some("P-256") {
        return Err("is not an EC key on P-256");
    }
    if jwk.get("d").is_some() {
        return Err("has a private part, which must not be published");
    }
    if !absent_or("use", "sig") || !absent_or("alg", "ES256") {
        return Err("is not for signatures with ES256");
    }
    let kid = text("kid").filter(|kid| (1..=LONGEST_KID).contains(&kid.len()));
    let kid = kid.ok_or("has no `kid` of 1 to 200 characters")?.to_owned();
    let coordinate = |name: &str| -> Option<[u8; COORDINATE_BYTES]> {
        URL_SAFE_NO_PAD.decode(text(name)?).ok()?.try_into().ok()
    };
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else {
        return Err("has coordinates that are not 32 bytes in base64url");
    };
    let mut point = [UNCOMPRESSED; 1 + 2 * COORDINATE_BYTES];
    point[1..=COORDINATE_BYTES].copy_from_slice(&x);
    point[1 + COORDINATE_BYTES..].copy_from_slice(&y);
    let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| "is not on the curve")?;
    Ok(VerifyingKey { kid, point, parsed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The example of RFC 7515 Appendix A.3.
    fn good() -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "kid": "a", "use": "sig", "alg": "ES256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut key = good();
        key[name] = value;
        key
    }

    fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_found_by_its_id_and_recognised() {
        let set = parse(&[good()]).unwrap();
        let key = set.get("a").unwrap();
        assert!(set.has(key) && set.get("b").is_none() && set.ignored().is_empty());
        assert!(!parse(&[with("kid", json!("b"))]).unwrap().has(key), "another id is another key");
    }

    #[test]
    fn whatever_is_no_key_of_ours_is_left_out_and_told() {
        for (wrong, reason) in [
            (json!("text"), "not an EC key"),
            (json!(null), "not an EC key"),
            (json!({ "kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB" }), "not an EC key"),
            (json!({ "kty": "oct", "kid": "o", "k": "AQAB" }), "not an EC key"),
            (with("crv", json!("P-384")), "not an EC key"),
            (with("d", json!("AQAB")), "private part"),
            (with("use", json!("enc")), "not for signatures"),
            (with("alg", json!("none")), "not for signatures"),
            (with("kid", json!(null)), "no `kid`"),
            (with("kid", json!("")), "no `kid`"),
            (with("kid", json!("k".repeat(201))), "no `kid`"),
            (with("x", json!("AQAB")), "32 bytes"),
            (with("y", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")), "not on the curve"),
            (with("x", json!("A".repeat(43))), "not on the curve"),
        ] {
            let set = parse(&[wrong.clone(), with("kid", json!("good"))]).unwrap();
            assert!(set.get("good").is_some(), "{wrong}");
            assert!(
                set.ignored().len() == 1 && set.ignored()[0].contains(reason),
                "{wrong}: {:?}",
                set.ignored()
            );
            assert!(matches!(parse(&[wrong]), Err(KeySetError::NoUsableKey(_))));
        }
    }

    #[test]
    fn an_id_that_is_there_twice_names_no_key() {
        let set = parse(&[good(), with("use", json!("sig")), with("kid", json!("b"))]).unwrap();
        assert!(set.get("a").is_none() && set.get("b").is_some());
    }

    #[test]
    fn a_set_has_an_end() {
        let keys: Vec<_> = (0..100).map(|number| with("kid", json!(number.to_string()))).collect();
        let set = parse(&keys).unwrap();
        assert!(set.get("15").is_some() && set.get("16").is_none() && set.ignored().len() == 1);
    }

    #[test]
    fn rubbish_is_no_set() {
        for text in
            ["", "{}", "[]", "null", "<html>", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "{\"keys\":["]
        {
            assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), KeySetError::NotAKeySet, "{text}");
        }
        let empty = KeySet::parse(br#"{"keys":[]}"#).unwrap_err();
        assert_eq!(empty.to_string(), "the JWKS has no usable key: it is empty");
    }
}
