//! Secrets that lie in files, as Kubernetes and Docker mount them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

/// More than any password, key or URL needs; a larger file is the wrong file.
const LARGEST_SECRET_BYTES: u64 = 64 * 1024;

/// Why a secret can't be read. Never contains the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file can't be opened or read.
    #[error("can't read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is empty, too large or not UTF-8.
    #[error("{path} {reason}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with its content.
        reason: &'static str,
    },
}

/// The path of a file with one secret. It is checked when parsed and read again at each use, so that a
/// rotated secret takes effect at the next connection.
#[derive(Clone)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// Reads the secret, without the line end that editors leave.
    ///
    /// # Errors
    /// When the file is unreadable, empty, larger than 64 KiB or not UTF-8.
    pub fn read(&self) -> Result<Zeroizing<String>, SecretFileError> {
        let unreadable = |source| SecretFileError::Unreadable { path: self.0.clone(), source };
        let unusable = |reason| SecretFileError::Unusable { path: self.0.clone(), reason };
        if std::fs::metadata(&self.0).map_err(unreadable)?.len() > LARGEST_SECRET_BYTES {
            return Err(unusable("is larger than 64 KiB"));
        }
        let bytes = Zeroizing::new(std::fs::read(&self.0).map_err(unreadable)?);
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable("is not UTF-8"))?;
        let text = text.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() {
            return Err(unusable("is empty"));
        }
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for SecretFile {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        if path.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let file = Self(PathBuf::from(path));
        file.read().map_err(|error| error.to_string())?;
        Ok(file)
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretFile({})", self.0.display())
    }
}

/// The path of a file with one URL that contains credentials, such as `postgres://user:password@host/db`.
#[derive(Clone, Debug)]
pub struct UrlFile(SecretFile);

impl UrlFile {
    /// Reads and parses the URL.
    ///
    /// # Errors
    /// As [`SecretFile::read`], and when the content is no URL.
    pub fn read(&self) -> Result<url::Url, SecretFileError> {
        let text = self.0.read()?;
        url::Url::parse(&text).map_err(|_| SecretFileError::Unusable {
            path: self.0.path().to_owned(),
            reason: "does not contain a URL",
        })
    }
}

impl FromStr for UrlFile {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let file = Self(path.parse()?);
        file.read().map_err(|error| error.to_string())?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn parse_url(content: &[u8]) -> Result<UrlFile, String> {
        file(content).path().to_str().unwrap().parse()
    }

    #[test]
    fn a_url_file_is_read_again_at_each_use() {
        let file = file(b"redis://:first@localhost/\n");
        let url: UrlFile = file.path().to_str().unwrap().parse().unwrap();
        std::fs::write(file.path(), "redis://:second@localhost/").unwrap();
        assert_eq!(url.read().unwrap().password(), Some("second"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_its_content() {
        assert!(parse_url(b"").unwrap_err().ends_with("is empty"));
        assert!(parse_url(b"hunter2").unwrap_err().ends_with("does not contain a URL"));
        assert!(parse_url(&[0xff, 0xfe]).unwrap_err().ends_with("is not UTF-8"));
        assert!(parse_url(&vec![b'a'; 70_000]).unwrap_err().ends_with("is larger than 64 KiB"));
        assert!("/nowhere/at/all".parse::<UrlFile>().unwrap_err().starts_with("can't read /nowhere/at/all"));
    }
}
