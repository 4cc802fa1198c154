//! What a `sqlserver://user:password@host:1433/database` URL means to tiberius.

use tiberius::{AuthMethod, Config, EncryptionLevel};
use url::Url;

use super::SqlServerError;

const DEFAULT_PORT: u16 = 1433;

/// The server, the database and who connects.
pub(super) fn configuration(url: &Url, application: &str) -> Result<Config, SqlServerError> {
    if url.scheme() != "sqlserver" {
        return Err(SqlServerError::Url("another scheme"));
    }
    let database = url.path().trim_start_matches('/');
    if database.is_empty() {
        return Err(SqlServerError::Url("it names no database"));
    }
    let mut config = Config::new();
    config.host(url.host_str().ok_or(SqlServerError::Url("it names no host"))?);
    config.port(url.port().unwrap_or(DEFAULT_PORT));
    config.database(decoded(database));
    config.application_name(application);
    config.authentication(AuthMethod::sql_server(
        decoded(url.username()),
        decoded(url.password().unwrap_or_default()),
    ));
    config.encryption(EncryptionLevel::Required);
    for (key, value) in url.query_pairs() {
        match (&*key, &*value) {
            ("trustServerCertificate", "true") => config.trust_cert(),
            ("trustServerCertificate", "false") => {}
            _ => return Err(SqlServerError::Url("an unknown parameter")),
        }
    }
    Ok(config)
}

/// Undoes the %XX of a URL's part; `url` only does so for queries, where a plus is a space.
fn decoded(text: &str) -> String {
    let pair = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(pair.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Config, String> {
        configuration(&url.parse().unwrap(), "test").map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_becomes_a_configuration() {
        let config = parse("sqlserver://sa:p%40ss@db.example/orders?trustServerCertificate=true").unwrap();
        assert_eq!(config.get_addr(), "db.example:1433");
        let config = parse("sqlserver://sa:x@db.example:14330/orders").unwrap();
        assert_eq!(config.get_addr(), "db.example:14330");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_password() {
        for url in [
            "postgres://sa:hunter2@db/orders",
            "sqlserver://sa:hunter2@db",
            "sqlserver://sa:hunter2@db/orders?trustServerCertificate=maybe",
            "sqlserver://sa:hunter2@db/orders?encrypt=false",
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.starts_with("DATABASE_URL_FILE: ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_user_part_is_decoded() {
        assert_eq!(decoded("p%40ss%25+word&x=1"), "p@ss%+word&x=1");
    }
}
