//! How to reach a server as its administrator: a folder with one file for each key of a connection
//! Secret (OPERATOR rule 4). Read once; passwords are wiped from memory with it.

use std::path::{Path, PathBuf};

use platform_components::provision::ConnectionFolder;
use platform_config::{SecretFile, SecretFileError};
use url::Url;
use zeroize::Zeroizing;

/// Why a connection can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// A path isn't text.
    #[error("the path {0} is not UTF-8")]
    Path(PathBuf),
    /// A file that must be there is missing.
    #[error("{0} must name what to connect to: it has neither uri nor {1}")]
    Missing(PathBuf, &'static str),
    /// The port is no port.
    #[error("{0} is no port number")]
    Port(PathBuf),
    /// A URI that can't be used.
    #[error("{path} is no usable URI: {reason}")]
    Uri {
        /// Where it is written.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
}

/// A server and its administrator.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Where it is.
    pub host: String,
    /// Its port; none when the folder doesn't say, so the usual one counts.
    pub port: Option<u16>,
    /// The administrator; empty where there is none.
    pub username: String,
    /// The administrator's password.
    pub password: Zeroizing<String>,
    /// A bundle of certificates in PEM that the server's certificate must lead to.
    pub ca: Option<Vec<u8>>,
    /// The whole URI, when the folder has one.
    pub uri: Option<Url>,
    /// Where RabbitMQ's management API is; without credentials.
    pub management: Option<Url>,
}

impl Connection {
    /// Reads a folder.
    ///
    /// # Errors
    /// When a file is missing, unreadable or nonsense. The message names the file, never its content.
    pub fn read(folder: &ConnectionFolder) -> Result<Self, ConnectionError> {
        let folder = folder.0.as_path();
        let ca = optional(folder, "ca.crt")?.map(|pem| pem.as_bytes().to_vec());
        let management = optional_url(folder, "management-uri")?;
        if let Some(uri) = optional_url(folder, "uri")? {
            return Self::from_uri(uri, ca, management)
                .ok_or_else(|| ConnectionError::Uri { path: folder.join("uri"), reason: "it has no host" });
        }
        let host = optional(folder, "host")?
            .ok_or_else(|| ConnectionError::Missing(folder.to_path_buf(), "host"))?;
        let port = match optional(folder, "port")? {
            Some(text) => Some(text.parse().map_err(|_| ConnectionError::Port(folder.join("port")))?),
            None => None,
        };
        Ok(Self {
            host: host.to_string(),
            port,
            username: optional(folder, "username")?.map(|name| name.to_string()).unwrap_or_default(),
            password: optional(folder, "password")?.unwrap_or_default(),
            ca,
            uri: None,
            management,
        })
    }

    fn from_uri(uri: Url, ca: Option<Vec<u8>>, management: Option<Url>) -> Option<Self> {
        Some(Self {
            host: uri.host_str()?.to_owned(),
            port: uri.port(),
            username: decoded(uri.username()),
            password: Zeroizing::new(decoded(uri.password().unwrap_or_default())),
            ca,
            uri: Some(uri),
            management,
        })
    }

    /// The port, or the usual one.
    #[must_use]
    pub fn port_or(&self, usual: u16) -> u16 {
        self.port.unwrap_or(usual)
    }
}

/// Reads a file that holds one secret and nothing else.
///
/// # Errors
/// When it can't be read or is empty.
pub fn secret(path: &Path) -> Result<Zeroizing<String>, ConnectionError> {
    let text = path.to_str().ok_or_else(|| ConnectionError::Path(path.to_path_buf()))?;
    let file: SecretFile = text.parse().map_err(|_| unreadable(path))?;
    Ok(file.read()?)
}

/// `SecretFile` reads when it is parsed, and says only in words what was wrong.
fn unreadable(path: &Path) -> SecretFileError {
    match std::fs::metadata(path) {
        Err(source) => SecretFileError::Unreadable { path: path.to_path_buf(), source },
        Ok(_) => {
            SecretFileError::Unusable { path: path.to_path_buf(), reason: "is empty, too large or not UTF-8" }
        }
    }
}

fn optional(folder: &Path, key: &str) -> Result<Option<Zeroizing<String>>, ConnectionError> {
    let path = folder.join(key);
    if path.exists() { secret(&path).map(Some) } else { Ok(None) }
}

fn optional_url(folder: &Path, key: &str) -> Result<Option<Url>, ConnectionError> {
    let Some(text) = optional(folder, key)? else { return Ok(None) };
    let wrong = |_| ConnectionError::Uri { path: folder.join(key), reason: "it can't be parsed" };
    Url::parse(&text).map(Some).map_err(wrong)
}

/// The text behind the percent signs of a part of a URL.
fn decoded(part: &str) -> String {
    let query = format!("x={}", part.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, ConnectionFolder) {
        let place = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(place.path().join(name), content).unwrap();
        }
        let folder = ConnectionFolder(place.path().to_path_buf());
        (place, folder)
    }

    #[test]
    fn a_folder_of_single_keys_is_read() {
        let (_place, folder) =
            folder(&[("host", "db\n"), ("port", "5433"), ("username", "root"), ("password", "p@ss")]);
        let connection = Connection::read(&folder).unwrap();
        assert_eq!((connection.host.as_str(), connection.port_or(5432)), ("db", 5433));
        assert_eq!((connection.username.as_str(), connection.password.as_str()), ("root", "p@ss"));
    }

    #[test]
    fn a_uri_tells_the_same_with_its_percent_signs_decoded() {
        let (_place, folder) = folder(&[("uri", "postgres://ro%2Fot:a%40b+c@db/postgres")]);
        let connection = Connection::read(&folder).unwrap();
        assert_eq!((connection.username.as_str(), connection.password.as_str()), ("ro/ot", "a@b+c"));
        assert_eq!(connection.port_or(5432), 5432);
    }

    #[test]
    fn what_is_wrong_with_a_folder_names_the_file() {
        let (_place, folder) = folder(&[("host", "db"), ("port", "many")]);
        assert!(Connection::read(&folder).unwrap_err().to_string().ends_with("port is no port number"));
        let (_place, folder) = self::folder(&[]);
        assert!(Connection::read(&folder).unwrap_err().to_string().contains("neither uri nor host"));
    }
}
