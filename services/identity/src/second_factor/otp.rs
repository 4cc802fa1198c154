//! One-time passwords by time (RFC 6238 over RFC 4226), as every authenticator shows them: SHA-1, six digits, a new
//! one every 30 seconds. No I/O.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use aws_lc_rs::rand;
use time::OffsetDateTime;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::capability::NoRandomness;

/// RFC 4226 §4 R6 recommends 160 bits.
const BYTES: usize = 20;
const DIGITS: usize = 6;
/// Seconds that a code is shown.
const PERIOD: i64 = 30;
/// Steps that clocks may differ by, either way (RFC 6238 §5.2 recommends one).
const TOLERANCE: i64 = 1;
/// What authenticators call the entry.
const ISSUER: &str = "Course Platform";
/// RFC 4648 §6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Six digits that somebody typed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code([u8; DIGITS]);

impl Code {
    /// The code in a text, white space in it left out. Digits are those of ASCII: authenticators show no others.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut code = [0; DIGITS];
        let mut digits = text.chars().filter(|it| !it.is_whitespace());
        for place in &mut code {
            *place = digits.next().filter(char::is_ascii_digit).and_then(|it| u8::try_from(it).ok())?;
        }
        digits.next().is_none().then_some(Self(code))
    }
}

/// What an authenticator and this service share. It is shown once and kept under the keyring.
pub(crate) struct Secret(Zeroizing<[u8; BYTES]>);

impl Secret {
    /// A new one.
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// From what was kept; `None` when that is no secret.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// As people type it where a picture can't be scanned.
    pub(crate) fn base32(&self) -> String {
        base32(self.bytes())
    }

    /// As authenticators read it: the key URI format, which all of them follow. `email` tells entries apart.
    pub(crate) fn uri(&self, email: &str) -> String {
        let encode = |text: &str| {
            form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
        };
        let (issuer, email, secret) = (encode(ISSUER), encode(email), self.base32());
        format!(
            "otpauth://totp/{issuer}:{email}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&\
             period={PERIOD}"
        )
    }

    /// The step at or next to `now` whose code this is. Every candidate is looked at, for the same time.
    pub(super) fn step_of(&self, code: &Code, now: OffsetDateTime) -> Option<i64> {
        let current = now.unix_timestamp().div_euclid(PERIOD);
        let mut found = None;
        for step in current - TOLERANCE..=current + TOLERANCE {
            if verify_slices_are_equal(&self.code(step), &code.0).is_ok() {
                found = Some(step);
            }
        }
        found
    }

    /// RFC 4226 §5.3, with the step for the counter.
    fn code(&self, step: i64) -> [u8; DIGITS] {
        let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.bytes()), &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
        let part = tag.iter().skip(offset).take(4);
        let mut number = part.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        let mut code = [b'0'; DIGITS];
        for place in code.iter_mut().rev() {
            *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        code
    }
}

/// Base32 without padding (RFC 4648 §6).
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut bits = [0; 8];
        bits[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bits);
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            let index = usize::try_from(bits >> (35 - 5 * place) & 31).unwrap_or_default();
            text.extend(BASE32.get(index).map(|letter| char::from(*letter)));
        }
    }
    text
}

/// Whether base32 has this letter.
pub(super) fn is_base32(byte: u8) -> bool {
    BASE32.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 4226 appendix D and RFC 6238 appendix B.
    fn secret() -> Secret {
        Secret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_specifications() {
        // RFC 4226 appendix D.
        for (count, code) in (0..).zip([
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ]) {
            assert_eq!(secret().code(count), code.as_bytes(), "{count}");
        }
        // RFC 6238 appendix B, the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = secret().step_of(&Code::parse(code).unwrap(), at(seconds));
            assert_eq!(step, Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_before_and_after_its_own() {
        let code = Code::parse("050471").unwrap();
        let step = 1_111_111_111 / 30;
        for (off, accepted) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = secret().step_of(&code, at((step + off) * 30));
            assert_eq!(found, accepted.then_some(step), "a clock that is {off} steps off");
        }
        let (first, last) = (at((step - 1) * 30 - 1), at((step + 2) * 30 - 1));
        assert!(secret().step_of(&code, first).is_none() && secret().step_of(&code, last).is_some());
        assert!(Secret::generate().unwrap().bytes() != Secret::generate().unwrap().bytes());
    }

    #[test]
    fn a_code_is_six_digits_and_nothing_else() {
        for text in ["123456", " 123 456\n", "123\u{a0}456"] {
            assert!(Code::parse(text).is_some_and(|code| &code.0 == b"123456"), "{text}");
        }
        let long = "1".repeat(100_000);
        for text in [
            "",
            " ",
            "12345",
            "1234567",
            "12345a",
            "１２３４５６",
            "٠١٢٣٤٥",
            "-12345",
            "+12345",
            "12.456",
            &long,
        ] {
            assert!(Code::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn secrets_are_written_as_authenticators_read_them() {
        // RFC 4648 §10.
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!(
            secret().uri("a+b@ö.example"),
            "otpauth://totp/Course%20Platform:a%2Bb%40%C3%B6.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&\
             issuer=Course%20Platform&algorithm=SHA1&digits=6&period=30"
        );
    }
}
