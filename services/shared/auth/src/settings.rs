//! Settings of authentication.

use platform_config::ConfigError;
use url::Url;

/// How callers prove who they are.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AuthSettings {
    /// Accept `Authorization: Bearer dev:<uuid>` as the user <uuid>. For development only: refused unless
    /// PUBLIC_URL is on localhost. Without it, routes that need a caller answer 401.
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set)]
    pub insecure_dev_writes: bool,
}

impl AuthSettings {
    /// Refuses settings that would be dangerous where the public can reach them.
    ///
    /// # Errors
    /// When development tokens are on and the public address is not this machine's.
    pub fn check(&self, public_url: &Url) -> Result<(), ConfigError> {
        if self.insecure_dev_writes && !is_localhost(public_url) {
            return Err(ConfigError::new(
                "INSECURE_DEV_WRITES",
                format!("is refused because PUBLIC_URL {public_url} is not on localhost"),
            ));
        }
        Ok(())
    }
}

fn is_localhost(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_tokens_are_for_localhost_only() {
        let settings = AuthSettings { insecure_dev_writes: true };
        for (url, accepted) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("https://courses.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(settings.check(&url.parse().unwrap()).is_ok(), accepted, "{url}");
        }
        assert!(AuthSettings::default().check(&"https://courses.example.com".parse().unwrap()).is_ok());
    }
}
