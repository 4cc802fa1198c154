//! PostgreSQL's stored form of a password (RFC 5803, SCRAM-SHA-256 of RFC 7677), made on our side so
//! that the password itself is never in a statement, and so in no log of the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What PostgreSQL itself uses.
const ITERATIONS: u32 = 4096;

/// A fresh stored form of the password.
#[must_use]
pub(super) fn verifier(password: &str) -> String {
    stored_form(password, &rand::random::<[u8; 16]>(), ITERATIONS)
}

/// Whether a stored form is of this password. Forms of other kinds (md5) are not.
#[must_use]
pub(super) fn matches(stored: &str, password: &str) -> bool {
    let Some((iterations, salt)) = stored
        .strip_prefix("SCRAM-SHA-256$")
        .and_then(|rest| rest.split_once('$'))
        .and_then(|(parameters, _)| parameters.split_once(':'))
    else {
        return false;
    };
    match (iterations.parse(), STANDARD.decode(salt)) {
        (Ok(iterations), Ok(salt)) => stored_form(password, &salt, iterations) == stored,
        _ => false,
    }
}

fn stored_form(password: &str, salt: &[u8], iterations: u32) -> String {
    let salted = salted_password(password.as_bytes(), salt, iterations);
    let client_key = hmac(&salted, b"Client Key");
    let stored_key = Sha256::digest(client_key);
    let server_key = hmac(&salted, b"Server Key");
    format!(
        "SCRAM-SHA-256${iterations}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored_key),
        STANDARD.encode(server_key)
    )
}

/// `Hi` of RFC 5802: PBKDF2 with one block.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut block = salt.to_vec();
    block.extend_from_slice(&1_u32.to_be_bytes());
    let mut last = hmac(password, &block);
    let mut result = last;
    for _ in 1..iterations {
        last = hmac(password, &last);
        for (sum, byte) in result.iter_mut().zip(last) {
            *sum ^= byte;
        }
    }
    result
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length (RFC 2104), so this can't fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange printed in RFC 7677 §3: its proof and signature follow from these keys.
    #[test]
    fn the_keys_are_those_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = salted_password(b"pencil", &salt, 4096);
        let auth = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,\
                    r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let server_key = hmac(&salted, b"Server Key");
        let signature = hmac(&server_key, auth.as_bytes());
        assert_eq!(STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_stored_form_matches_its_password_only() {
        let stored = verifier("correct horse");
        assert!(matches(&stored, "correct horse"));
        assert!(!matches(&stored, "battery staple"));
        assert!(!matches("md5abc", "correct horse"));
    }
}
