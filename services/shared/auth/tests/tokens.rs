//! Which tokens are accepted, and that what was found out once is not believed for too long.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use platform_auth::{Authenticator, Invalid, KeySet, Keys, Rejection, Role, Subject};
use platform_testkit::{TestIssuer, bad_tokens, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

const ISSUER: &str = "http://localhost:8080/identity";

fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// Accepts tokens of `issuer` for the service `order`.
fn authenticator(issuer: &TestIssuer) -> (Authenticator, Keys) {
    let keys = Keys::default();
    keys.replace(key_set(&[issuer.jwk()]));
    (Authenticator::new(ISSUER, "order", keys.clone()), keys)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

#[test]
fn a_users_token_says_who_calls_for_whom_and_what_they_may() {
    let issuer = TestIssuer::new();
    let (authenticator, _) = authenticator(&issuer);
    let user = Uuid::now_v7();
    let token = issuer.user("order", user).scope("order.read order.buy").claim("roles", ["student", "admin"]);
    let verified = authenticator.verify_now(&token.sign()).unwrap();
    assert_eq!(verified.subject(), Subject::User(user));
    let claims = verified.claims();
    assert!(claims.scope.contains("order.read") && claims.scope.contains("order.buy"));
    assert!(!claims.scope.contains("order"));
    assert_eq!(claims.roles, [Role::Student, Role::Admin]);
    assert_eq!(claims.act.as_ref().unwrap().sub, "gateway");
    assert!(claims.sid.is_some() && claims.auth_time.is_some());
}

#[test]
fn a_services_token_says_which_service_calls() {
    let issuer = TestIssuer::new();
    let (authenticator, _) = authenticator(&issuer);
    let token = issuer.service("order", "discount").scope("order.sys.status").sign();
    let verified = authenticator.verify_now(&token).unwrap();
    assert_eq!((verified.subject(), verified.claims().client_id.as_str()), (Subject::Service, "discount"));
}

#[test]
fn no_attack_succeeds() {
    let issuer = TestIssuer::new();
    let (authenticator, _) = authenticator(&issuer);
    let good = issuer.user("order", Uuid::now_v7()).scope("order.read");
    authenticator.verify_now(&good.sign()).unwrap();
    let attacks = bad_tokens::wrong_tokens(&issuer, &good);
    assert!(attacks.len() > 150, "only {} attacks", attacks.len());
    for (what, token) in attacks {
        let outcome = authenticator.verify_now(&token);
        assert!(matches!(outcome, Err(Rejection::Invalid(_))), "{what}: {outcome:?}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    let issuer = TestIssuer::new();
    let (authenticator, _) = authenticator(&issuer);
    let good = issuer.user("order", Uuid::now_v7());
    let foreign = TestIssuer::with_kid(issuer.kid());
    for (token, reason) in [
        ("nonsense".to_owned(), Invalid::Malformed),
        (good.clone().claim("x", "a".repeat(9000)).sign(), Invalid::Malformed),
        (good.clone().header("typ", "JWT").sign(), Invalid::WrongType),
        (good.clone().header("alg", "none").sign(), Invalid::WrongAlgorithm),
        (good.clone().header("kid", "other").sign(), Invalid::UnknownKey),
        (foreign.user("order", Uuid::now_v7()).sign(), Invalid::WrongSignature),
        (good.clone().claim("iss", "https://elsewhere.example").sign(), Invalid::WrongIssuer),
        (good.clone().claim("aud", "basket").sign(), Invalid::WrongAudience),
        (good.clone().claim("exp", now() - 30).sign(), Invalid::Expired),
        (good.clone().claim("nbf", now() + 60).sign(), Invalid::NotYet),
        (good.clone().without_claim("client_id").sign(), Invalid::WrongClaims),
    ] {
        assert_eq!(authenticator.verify_now(&token).unwrap_err(), Rejection::Invalid(reason));
    }
}

#[test]
fn whoever_passes_tokens_on_reads_those_for_others_too() {
    let issuer = TestIssuer::new();
    let keys = Keys::default();
    keys.replace(key_set(&[issuer.jwk()]));
    let any = Authenticator::for_any_audience(ISSUER, keys);
    for audience in ["gateway", "order", "elsewhere"] {
        let verified = any.verify_now(&issuer.user(audience, Uuid::now_v7()).sign()).unwrap();
        assert!(verified.claims().aud.contains(audience));
    }
    let expired = issuer.user("order", Uuid::now_v7()).claim("exp", now() - 31).sign();
    assert_eq!(any.verify_now(&expired).unwrap_err(), Rejection::Invalid(Invalid::Expired));
}

#[test]
fn without_keys_nothing_can_be_said() {
    let issuer = TestIssuer::new();
    let authenticator = Authenticator::new(ISSUER, "order", Keys::default());
    let token = issuer.user("order", Uuid::now_v7()).sign();
    assert_eq!(authenticator.verify_now(&token).unwrap_err(), Rejection::NoKeys);
}

#[test]
fn a_token_seen_before_falls_with_its_key() {
    let (issuer, next) = (TestIssuer::new(), TestIssuer::new());
    let (authenticator, keys) = authenticator(&issuer);
    let token = issuer.user("order", Uuid::now_v7()).sign();
    let first = authenticator.verify_now(&token).unwrap();
    let second = authenticator.verify_now(&token).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second), "it was checked anew");

    keys.replace(key_set(&[issuer.jwk(), next.jwk()]));
    authenticator.verify_now(&token).unwrap();
    keys.replace(key_set(&[next.jwk()]));
    assert_eq!(authenticator.verify_now(&token).unwrap_err(), Rejection::Invalid(Invalid::UnknownKey));
    // The same name for another key is another key.
    keys.replace(key_set(&[TestIssuer::with_kid(issuer.kid()).jwk()]));
    assert_eq!(authenticator.verify_now(&token).unwrap_err(), Rejection::Invalid(Invalid::WrongSignature));
}

#[test]
fn only_a_good_token_seen_before_is_known() {
    let (issuer, next) = (TestIssuer::new(), TestIssuer::new());
    let (authenticator, keys) = authenticator(&issuer);
    let known = |token: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        authenticator.knows(&headers)
    };
    let token = issuer.user("order", Uuid::now_v7()).sign();
    let wrong = next.user("order", Uuid::now_v7()).sign();
    assert!(!known(&token) && !known(&wrong) && !authenticator.knows(&http::HeaderMap::new()));
    authenticator.verify_now(&token).unwrap();
    authenticator.verify_now(&wrong).unwrap_err();
    assert!(known(&token) && !known(&wrong));
    keys.replace(key_set(&[next.jwk()]));
    assert!(!known(&token), "its key is gone");
}

#[tokio::test]
async fn a_token_seen_before_ends_when_it_ends() {
    let issuer = TestIssuer::new();
    let (authenticator, _) = authenticator(&issuer);
    // Clocks may differ by 30 s: of these it has about two left.
    let token = issuer.user("order", Uuid::now_v7()).claim("exp", now() - 27).sign();
    authenticator.verify_now(&token).unwrap();
    let over = || async { authenticator.verify_now(&token).err() };
    let rejection = eventually(Duration::from_secs(10), over).await;
    assert_eq!(rejection, Rejection::Invalid(Invalid::Expired));
}

#[test]
fn more_tokens_than_are_remembered_are_all_accepted() {
    let issuer = TestIssuer::new();
    let (authenticator, _) = authenticator(&issuer);
    let tokens: Vec<_> = (0..6000).map(|_| issuer.user("order", Uuid::now_v7()).sign()).collect();
    let first = authenticator.verify_now(&tokens[0]).unwrap();
    for token in &tokens {
        authenticator.verify_now(token).unwrap();
    }
    let again = authenticator.verify_now(&tokens[0]).unwrap();
    assert!(!std::sync::Arc::ptr_eq(&first, &again), "nothing was forgotten");
}
