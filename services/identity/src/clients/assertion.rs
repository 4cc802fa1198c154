//! private_key_jwt: a client proves who it is with a JWT of its own (RFC 7523 §2.2 and §3, OpenID Connect Core
//! §9). No I/O: that an assertion is used once is the caller's business.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::oauth::{Hash, sha256};

/// Clocks differ by up to this many seconds.
const LEEWAY: i64 = 30;
/// An assertion that lives longer would have to be remembered longer.
const LONGEST_LIFE: i64 = 60 * 60;
/// Longest `jti` in bytes.
const LONGEST_ID: usize = 256;

/// The algorithms that are accepted, for discovery.
pub(crate) const ALGORITHMS: [&str; 4] = ["ES256", "PS256", "RS256", "EdDSA"];

/// A public key of a client.
pub(crate) struct AssertionKey {
    kid: Option<String>,
    alg: Option<String>,
    public: Public,
}

enum Public {
    P256(ParsedPublicKey),
    Ed25519(ParsedPublicKey),
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl AssertionKey {
    /// The keys of a set (RFC 7517 §5).
    pub(super) fn all(jwks: &serde_json::Value) -> Result<Vec<Self>, &'static str> {
        let keys = jwks.get("keys").and_then(serde_json::Value::as_array).ok_or("there are no keys")?;
        keys.iter().map(Self::new).collect()
    }

    fn new(jwk: &serde_json::Value) -> Result<Self, &'static str> {
        let jwk = Jwk::deserialize(jwk).map_err(|_| "a key is malformed")?;
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err("a key is not for signatures");
        }
        let bytes = |member: &Option<String>| {
            member.as_deref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).filter(|it| !it.is_empty())
        };
        let public = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => {
                let (Some(x), Some(y)) = (bytes(&jwk.x), bytes(&jwk.y)) else {
                    return Err("a key on P-256 has no x or y");
                };
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                Public::P256(key.map_err(|_| "a key is no point on P-256")?)
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes(&jwk.x).ok_or("a key on Ed25519 has no x")?;
                let key = ParsedPublicKey::new(&ED25519, x);
                Public::Ed25519(key.map_err(|_| "a key is no point on Ed25519")?)
            }
            ("RSA", None) => {
                let (Some(n), Some(e)) = (bytes(&jwk.n), bytes(&jwk.e)) else {
                    return Err("an RSA key has no n or e");
                };
                if n.len() < 256 {
                    return Err("an RSA key is shorter than 2048 bits");
                }
                Public::Rsa { n, e }
            }
            _ => return Err("keys must be on P-256 or Ed25519, or RSA"),
        };
        Ok(Self { kid: jwk.kid, alg: jwk.alg, public })
    }

    /// Whether the key is meant by the header and made the signature. The algorithm must fit the key's type, so
    /// that none can be mistaken for another (RFC 8725 §3.1).
    fn verifies(&self, header: &Header, message: &[u8], signature: &[u8]) -> bool {
        if header.kid.is_some() && self.kid.is_some() && header.kid != self.kid {
            return false;
        }
        if self.alg.as_ref().is_some_and(|alg| *alg != header.alg) {
            return false;
        }
        match (&self.public, header.alg.as_str()) {
            (Public::P256(key), "ES256") | (Public::Ed25519(key), "EdDSA") => {
                key.verify_sig(message, signature).is_ok()
            }
            (Public::Rsa { n, e }, "RS256") => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            (Public::Rsa { n, e }, "PS256") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, message, signature).is_ok()
            }
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood: none is (RFC 7515 §4.1.11).
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// An assertion, taken apart but not believed yet.
pub(super) struct Assertion<'a> {
    header: Header,
    claims: Claims,
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            header: serde_json::from_slice(&decode(header)?).ok()?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
            message,
            signature: decode(signature)?,
        })
    }

    /// The client that it says it is of.
    pub(super) fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// Checks the signature by one of `keys` and every claim (RFC 7523 §3). Answers what the store remembers it
    /// by, and until when.
    pub(super) fn check(
        &self,
        client_id: &str,
        keys: &[AssertionKey],
        audiences: &[String],
        now: OffsetDateTime,
    ) -> Option<(Hash, OffsetDateTime)> {
        let typ = self.header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if self.header.crit.is_some() || !matches!(typ.as_str(), "jwt" | "client-authentication+jwt") {
            return None;
        }
        let claims = &self.claims;
        let for_us = |audience: &String| audiences.contains(audience);
        let audience = match &claims.aud {
            Audience::One(audience) => for_us(audience),
            Audience::Several(all) => all.iter().any(for_us),
        };
        let seconds = now.unix_timestamp() as f64;
        let (leeway, longest) = (LEEWAY as f64, LONGEST_LIFE as f64);
        let times = claims.exp > seconds - leeway
            && claims.exp <= seconds + longest
            && claims.nbf.is_none_or(|nbf| nbf <= seconds + leeway)
            && claims.iat.is_none_or(|iat| iat <= seconds + leeway);
        let named = claims.iss == client_id && claims.sub == client_id;
        let identified = (1..=LONGEST_ID).contains(&claims.jti.len());
        if !(audience && times && named && identified) {
            return None;
        }
        let message = self.message.as_bytes();
        keys.iter().find(|key| key.verifies(&self.header, message, &self.signature))?;
        let hash = sha256(format!("{client_id}\n{}", claims.jti).as_bytes());
        // A whole number of seconds in range: it is between now and an hour later.
        let until = OffsetDateTime::from_unix_timestamp(claims.exp.ceil() as i64 + LEEWAY).ok()?;
        Some((hash, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
        }

        fn keys(&self) -> Vec<AssertionKey> {
            let point = self.0.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            AssertionKey::all(&json!({"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":x,"y":y}]})).unwrap()
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let message = format!("{}.{}", encode(header), encode(claims));
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    fn claims() -> Value {
        json!({"iss":"robot","sub":"robot","aud":"https://a.example/identity","exp":NOW + 60,"jti":"1"})
    }

    fn accepted(signer: &Signer, token: &str) -> bool {
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let audiences = ["https://a.example/identity".to_owned()];
        Assertion::parse(token).is_some_and(|it| it.check("robot", &signer.keys(), &audiences, now).is_some())
    }

    #[test]
    fn an_assertion_must_be_signed_fresh_and_for_us() {
        let signer = Signer::new();
        let header = json!({"alg":"ES256","kid":"1"});
        assert!(accepted(&signer, &signer.sign(&header, &claims())));
        for (member, value) in [
            ("iss", json!("other")),
            ("sub", json!("other")),
            ("aud", json!("https://b.example/identity")),
            ("aud", json!([])),
            ("exp", json!(NOW - 31)),
            ("exp", json!(NOW + 3601)),
            ("exp", json!("soon")),
            ("nbf", json!(NOW + 31)),
            ("iat", json!(NOW + 31)),
            ("jti", json!("")),
            ("jti", json!("x".repeat(257))),
        ] {
            let mut wrong = claims();
            wrong[member] = value.clone();
            assert!(!accepted(&signer, &signer.sign(&header, &wrong)), "{member}: {value}");
        }
        for member in ["iss", "sub", "aud", "exp", "jti"] {
            let mut wrong = claims();
            wrong.as_object_mut().unwrap().remove(member);
            assert!(!accepted(&signer, &signer.sign(&header, &wrong)), "without {member}");
        }
        for header in [
            json!({"alg":"none"}),
            json!({"alg":"HS256","kid":"1"}),
            json!({"alg":"RS256","kid":"1"}),
            json!({"alg":"ES256","kid":"2"}),
            json!({"alg":"ES256","kid":"1","crit":["exp"]}),
            json!({"alg":"ES256","kid":"1","typ":"at+jwt"}),
        ] {
            assert!(!accepted(&signer, &signer.sign(&header, &claims())), "{header}");
        }
        let other = Signer::new();
        assert!(!accepted(&signer, &other.sign(&header, &claims())), "another's key");
        let token = signer.sign(&header, &claims());
        for wrong in [token.trim_end_matches(|c| c != '.'), &token[..token.len() - 4], "", "..", "a.b.c"] {
            assert!(!accepted(&signer, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for key in [
            json!({"kty":"oct","k":"AAAA"}),
            json!({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}),
            json!({"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}),
            json!({"kty":"RSA","n":"AQAB","e":"AQAB"}),
            json!({"kty":"RSA"}),
            json!({}),
        ] {
            assert!(AssertionKey::all(&json!({ "keys": [key.clone()] })).is_err(), "{key}");
        }
    }
}
