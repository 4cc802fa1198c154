//! Settings of a component that accepts access tokens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use crate::KeySet;
use crate::fetch::LARGEST_JWKS_BYTES;

/// Where the keys come from that tokens are checked with. Nothing else is set: the issuer is PUBLIC_URL and
/// `/identity`, the audience is the component's name.
#[derive(Clone, Debug, clap::Args)]
pub struct AuthSettings {
    /// The keys that access tokens are checked with: http://demo-identity:8080/identity/jwks, or
    /// file:///path of a JWKS. Looked at every minute; the last good ones serve for a day.
    #[arg(long, env)]
    pub jwks_uri: JwksUri,
}

/// The address of a JWKS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksUri {
    /// On a server, which may come later.
    Http(Url),
    /// In a file, which must be there.
    File(PathBuf),
}

impl FromStr for JwksUri {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(value).map_err(|error| error.to_string())?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err("must have neither user, query nor fragment".to_owned());
        }
        match url.scheme() {
            "http" | "https" => Ok(Self::Http(url)),
            "file" => {
                let path =
                    url.to_file_path().map_err(|()| "must be file:/// and an absolute path".to_owned())?;
                check_file(&path)?;
                Ok(Self::File(path))
            }
            _ => Err("must begin with http://, https:// or file://".to_owned()),
        }
    }
}

/// A file is there from the start, so that a wrong one is refused like any setting.
fn check_file(path: &std::path::Path) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("can't read {}: {error}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST_JWKS_BYTES as u64 {
        return Err(format!("{} is larger than 64 KiB", path.display()));
    }
    let document = std::fs::read(path).map_err(unreadable)?;
    KeySet::parse(&document).map(drop).map_err(|error| format!("{}: {error}", path.display()))
}

impl fmt::Display for JwksUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(f),
            Self::File(path) => write!(f, "file://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_come_from_a_server_or_from_a_file_that_is_there() {
        let uri: JwksUri = "http://demo-identity:8080/identity/jwks".parse().unwrap();
        assert!(matches!(uri, JwksUri::Http(_)));
        for wrong in [
            "",
            "identity",
            "ftp://identity/jwks",
            "http://",
            "http://me@identity/jwks",
            "http://identity/jwks?a=b",
            "file://jwks.json",
            "file:///no/such/file",
            "file:///dev/null",
        ] {
            assert!(wrong.parse::<JwksUri>().is_err(), "{wrong}");
        }
    }
}
