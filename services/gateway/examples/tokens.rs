//! Writes what `make bench-gateway` needs, and whoever tries the gateway alone, into a folder: a JWKS, its key as PEM,
//! and signed tokens.
//!
//! `cargo run -p gateway --example tokens -- <folder> <how many>`
#![allow(clippy::expect_used, clippy::print_stderr, reason = "a tool for a benchmark")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_testkit::TestIssuer;
use uuid::Uuid;

/// What stands in front of a P-256 point in a public key (RFC 5480 §2).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Long enough for any benchmark.
const LIFE: i64 = 24 * 60 * 60;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(Ok(count))) = (arguments.next(), arguments.next().map(|it| it.parse::<usize>()))
    else {
        eprintln!("usage: tokens <folder> <how many>");
        return ExitCode::FAILURE;
    };
    let folder = PathBuf::from(folder);
    let issuer = TestIssuer::new();
    let jwks = serde_json::json!({ "keys": [issuer.jwk()] });
    let point = STANDARD.encode([&P256, issuer.point()].concat());
    let expires = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or_default())
        + LIFE;
    let mut tokens = String::new();
    for _ in 0..count {
        let token =
            issuer.user("gateway", Uuid::now_v7()).claim("exp", expires).scope("order.read order.buy");
        writeln!(tokens, "{}", token.sign()).expect("memory");
    }
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{point}\n-----END PUBLIC KEY-----\n");
    for (name, content) in [("jwks.json", jwks.to_string()), ("key.pem", pem), ("tokens", tokens)] {
        std::fs::write(folder.join(name), content).expect("a writable folder");
    }
    ExitCode::SUCCESS
}
