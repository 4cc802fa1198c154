//! What a person's phone does: it shows codes (RFC 6238), by other code than the service's.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of the secret in `key` (base32, in groups or not), so many steps of 30 seconds from now. The next one is
/// accepted for a minute at least, whatever else the machine has to do.
pub(crate) fn code(key: &str, steps: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let step = i64::try_from(now / 30).unwrap() + steps;
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &decoded(key)), &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// A code that is not accepted now, nor in the next minutes.
pub(crate) fn wrong_code(key: &str) -> String {
    let right: Vec<_> = (-2..10).map(|steps| code(key, steps)).collect();
    (0..1_000_000).map(|number| format!("{number:06}")).find(|it| !right.contains(it)).unwrap()
}

/// Base32 (RFC 4648 §6), white space left out.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|it| !it.is_ascii_whitespace()) {
        let value = ALPHABET.bytes().position(|it| it == letter).unwrap();
        bits = bits << 5 | u32::try_from(value).unwrap();
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}
