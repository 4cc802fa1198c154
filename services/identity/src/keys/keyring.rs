//! The keyring: keys that encrypt keys. It lies in a file that is not in the database's backup.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_config::{SecretFile, SecretFileError};
use serde::Deserialize;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const LONGEST_KEY_ID: usize = 100;

/// Why a keyring can't be used. Never contains a key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyringError {
    /// The file is away, empty or no text.
    #[error(transparent)]
    Unreadable(#[from] SecretFileError),
    /// The file holds something else.
    #[error("the keyring {0}")]
    Malformed(&'static str),
}

/// Why something can't be encrypted or decrypted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// The keyring does not have the key that it was encrypted with.
    #[error("it was encrypted with the key \"{0}\", which is not in the keyring")]
    UnknownKey(String),
    /// The keyring has another key under this id, or the ciphertext was changed.
    #[error("the keyring's key \"{0}\" does not open it: another key, or it was tampered with")]
    WrongKey(String),
    /// The cryptographic library refused.
    #[error("encryption failed")]
    Failed,
}

/// The path of a keyring. It is checked when parsed and read again at each use, so that a corrected file
/// takes effect without a restart.
#[derive(Clone)]
pub struct KeyringFile(SecretFile);

impl KeyringFile {
    pub(crate) fn read(&self) -> Result<Keyring, KeyringError> {
        Keyring::parse(&self.0.read()?)
    }
}

impl FromStr for KeyringFile {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let file = Self(path.parse()?);
        file.read().map_err(|error| error.to_string())?;
        Ok(file)
    }
}

impl fmt::Debug for KeyringFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyringFile({})", self.0.path().display())
    }
}

/// Keys by their ids; the current one encrypts, every one decrypts.
pub(crate) struct Keyring {
    current: String,
    keys: BTreeMap<String, Zeroizing<[u8; KEY_BYTES]>>,
}

/// What was encrypted, and with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// The key's id in the keyring.
    pub(crate) kek_id: String,
    /// The nonce, then the ciphertext with its tag.
    pub(crate) bytes: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    current: String,
    /// Borrowed from the text, which is wiped, so that no copy stays behind.
    #[serde(borrow)]
    keys: BTreeMap<String, &'a str>,
}

impl Keyring {
    fn parse(text: &str) -> Result<Self, KeyringError> {
        let document: Document<'_> = serde_json::from_str(text)
            .map_err(|_| KeyringError::Malformed(r#"is not {"current": "…", "keys": {"…": "…"}}"#))?;
        let mut keys = BTreeMap::new();
        for (id, encoded) in document.keys {
            if id.is_empty() || id.len() > LONGEST_KEY_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(KeyringError::Malformed(
                    "has a key id that is not 1 to 100 visible ASCII characters",
                ));
            }
            let wrong =
                || KeyringError::Malformed("has a key that is not 32 bytes in base64url without padding");
            let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| wrong())?);
            let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| wrong())?;
            keys.insert(id, Zeroizing::new(key));
        }
        if !keys.contains_key(&document.current) {
            return Err(KeyringError::Malformed("has no key with the id in `current`"));
        }
        Ok(Self { current: document.current, keys })
    }

    /// Encrypts `plain` with the current key, bound to `name`: it opens under no other name.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let key = self.key(&self.current)?;
        let mut buffer = Zeroizing::new(plain.to_vec());
        let nonce = key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut *buffer)
            .map_err(|_| SealError::Failed)?;
        let bytes = [nonce.as_ref(), buffer.as_slice()].concat();
        Ok(Sealed { kek_id: self.current.clone(), bytes })
    }

    /// Decrypts what was sealed under `name`.
    pub(crate) fn open(&self, name: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self.key(&sealed.kek_id)?;
        let wrong = || SealError::WrongKey(sealed.kek_id.clone());
        let (nonce, ciphertext) = sealed.bytes.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let plain = key
            .open_in_place(nonce, Aad::from(name.as_bytes()), buffer.as_mut_slice())
            .map_err(|_| wrong())?
            .len();
        buffer.truncate(plain);
        Ok(buffer)
    }

    fn key(&self, id: &str) -> Result<RandomizedNonceKey, SealError> {
        let bytes = self.keys.get(id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        RandomizedNonceKey::new(&AES_256_GCM, bytes.as_slice()).map_err(|_| SealError::Failed)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A keyring whose current key has this id and is made of this byte.
    pub(crate) fn keyring(id: &str, byte: u8) -> Keyring {
        let key = URL_SAFE_NO_PAD.encode([byte; KEY_BYTES]);
        Keyring::parse(&format!(r#"{{"current":"{id}","keys":{{"{id}":"{key}"}}}}"#)).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_under_the_same_name_only() {
        let ring = keyring("a", 1);
        let sealed = ring.seal("name", b"secret").unwrap();
        assert_eq!(ring.open("name", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(ring.open("other", &sealed), Err(SealError::WrongKey("a".to_owned())));
        assert_eq!(keyring("a", 2).open("name", &sealed), Err(SealError::WrongKey("a".to_owned())));
        assert_eq!(keyring("b", 1).open("name", &sealed), Err(SealError::UnknownKey("a".to_owned())));
    }

    #[test]
    fn every_changed_bit_is_noticed_and_so_is_a_missing_end() {
        let ring = keyring("a", 1);
        let sealed = ring.seal("name", b"secret").unwrap();
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert!(ring.open("name", &changed).is_err(), "byte {at}");
            changed.bytes.truncate(at);
            assert!(ring.open("name", &changed).is_err(), "first {at} bytes");
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_to_the_same_bytes() {
        let ring = keyring("a", 1);
        assert_ne!(ring.seal("name", b"secret").unwrap(), ring.seal("name", b"secret").unwrap());
    }

    #[test]
    fn a_wrong_keyring_is_refused_without_showing_a_key() {
        let key = URL_SAFE_NO_PAD.encode([7; KEY_BYTES]);
        let short = URL_SAFE_NO_PAD.encode([7; 16]);
        for (text, part) in [
            ("hunter2".to_owned(), "is not {"),
            ("{}".to_owned(), "is not {"),
            (format!(r#"{{"current":"b","keys":{{"a":"{key}"}}}}"#), "`current`"),
            (format!(r#"{{"current":"a","keys":{{"a":"{short}"}}}}"#), "32 bytes"),
            (format!(r#"{{"current":"a","keys":{{"a":"{key}="}}}}"#), "32 bytes"),
            (format!(r#"{{"current":"","keys":{{"":"{key}"}}}}"#), "key id"),
        ] {
            let Err(error) = Keyring::parse(&text) else { panic!("accepted: {text}") };
            let error = error.to_string();
            assert!(error.contains(part) && !error.contains(&key) && !error.contains("hunter2"), "{error}");
        }
    }
}
