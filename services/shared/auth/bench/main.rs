//! Prints what checking an access token takes on one core: one that is new, and one that was seen before. A
//! binary and not an example, so that it is built without the test kit.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_auth::{AccessToken, Actor, Audience, Authenticator, KeySet, Keys, Role};
use serde_json::json;
use uuid::Uuid;

// Short rounds, so that some of them have the core for themselves.
const TOKENS: u32 = 100;
const ROUNDS: usize = 200;
const ISSUER: &str = "https://courses.example.com/identity";
const HEADER: &str = r#"{"typ":"at+jwt","alg":"ES256","kid":"bench"}"#;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| "no key")?;
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "bench", "x": x, "y": y }] });
    let keys = Keys::default();
    keys.replace(KeySet::parse(jwks.to_string().as_bytes())?);
    let tokens = (0..TOKENS).map(|_| token(&pair)).collect::<Result<Vec<_>, _>>()?;

    let (mut new, mut seen) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let authenticator = Authenticator::new(ISSUER, "order", keys.clone());
        new = new.min(check_all(&authenticator, &tokens)?);
        seen = seen.min(check_all(&authenticator, &tokens)?);
    }
    let alone = signature_alone(&pair)?;
    let micros = |elapsed: Duration| elapsed.as_secs_f64() * 1e6 / f64::from(TOKENS);
    let length = tokens.first().map_or(0, String::len);
    println!("a token of {length} bytes, the best of {ROUNDS} rounds of {TOKENS}");
    println!("signature alone {:7.2} µs", micros(alone));
    println!("new             {:7.2} µs", micros(new));
    println!("seen before     {:7.2} µs", micros(seen));
    Ok(())
}

fn check_all(authenticator: &Authenticator, tokens: &[String]) -> Result<Duration, Failure> {
    let begun = Instant::now();
    for token in tokens {
        black_box(authenticator.verify_now(black_box(token))?);
    }
    Ok(begun.elapsed())
}

/// What no check can do without.
fn signature_alone(pair: &EcdsaKeyPair) -> Result<Duration, Failure> {
    let message = "x".repeat(500);
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| "no signature")?;
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()).map_err(|_| "no key")?;
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..TOKENS {
            key.verify_sig(black_box(message.as_bytes()), signature.as_ref()).map_err(|_| "not verified")?;
        }
        best = best.min(begun.elapsed());
    }
    Ok(best)
}

/// A token as the gateway has it after the exchange.
fn token(pair: &EcdsaKeyPair) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs().try_into()?;
    let claims = AccessToken {
        iss: ISSUER.to_owned(),
        aud: Audience::One("order".to_owned()),
        sub: Uuid::now_v7().to_string(),
        client_id: "web".to_owned(),
        exp: now + 300,
        iat: now,
        nbf: None,
        jti: Uuid::now_v7().to_string(),
        scope: ["order.buy", "order.read"].into_iter().collect(),
        sid: Some(Uuid::now_v7()),
        auth_time: Some(now),
        roles: vec![Role::Student],
        act: Some(Actor { sub: "gateway".to_owned() }),
    };
    let (header, claims) =
        (URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?));
    let message = format!("{header}.{claims}");
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| "no signature")?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
