//! Prints what checking a token takes, on one core: one that is new, and one that was seen before.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "printing is what this program is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use platform_auth::{Authenticator, KeySet, Keys};
use platform_testkit::TestIssuer;
use serde_json::json;
use uuid::Uuid;

const TOKENS: usize = 1000;
const ROUNDS: usize = 10;

fn main() {
    let issuer = TestIssuer::new();
    let keys = Keys::default();
    keys.replace(KeySet::parse(json!({ "keys": [issuer.jwk()] }).to_string().as_bytes()).unwrap());
    let fresh = || Authenticator::new("http://localhost:8080/identity", "order", keys.clone());
    let token = || issuer.user("order", Uuid::now_v7()).scope("order.buy order.read").sign();
    let tokens: Vec<String> = (0..TOKENS).map(|_| token()).collect();

    let check_all = |authenticator: &Authenticator| {
        let begun = Instant::now();
        for token in &tokens {
            black_box(authenticator.verify_now(black_box(token)).unwrap());
        }
        begun.elapsed()
    };
    let (mut new, mut seen) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let authenticator = fresh();
        new = new.min(check_all(&authenticator));
        seen = seen.min(check_all(&authenticator));
    }
    let micros = |elapsed: Duration| elapsed.as_secs_f64() * 1e6 / TOKENS as f64;
    println!("token of {} bytes, the best of {ROUNDS} rounds of {TOKENS}", tokens[0].len());
    println!("new           {:8.2} µs", micros(new));
    println!("seen before   {:8.2} µs", micros(seen));
}
