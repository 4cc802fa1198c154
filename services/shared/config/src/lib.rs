//! Typed configuration from the environment.
//!
//! A binary declares one struct with `clap::Args`; each field is a key of the environment, documented by
//! `--help`. A wrong, missing or empty value ends the program with exit code 2 and one line that names the
//! key. This crate reads secrets from files only (`…_FILE`) and never prints one.

mod parse;
mod secret;

pub use parse::{ConfigError, ParseFailure, parse, parse_from};
pub use secret::{SecretFile, SecretFileError, UrlFile};

/// Exit code of a program that was started with a wrong configuration (as `clap` and BSD's `sysexits` users
/// expect: the caller is wrong, a restart does not help).
pub const EXIT_CONFIGURATION: u8 = 2;

/// Parses a value that must not be empty, for `#[arg(value_parser = platform_config::non_empty)]`.
///
/// # Errors
/// When the value is empty or only white space.
pub fn non_empty(value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() { Err("must not be empty".to_owned()) } else { Ok(value.to_owned()) }
}

/// Parses an absolute `http` or `https` URL without a trailing slash, query or fragment: a base to which
/// paths are appended.
///
/// # Errors
/// When the value is no such URL.
pub fn base_url(value: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(value).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must be an http or https URL with a host".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have neither query nor fragment".to_owned());
    }
    Ok(url)
}

/// Parses a number of seconds, whole or with a fraction, between 0 and one day.
///
/// # Errors
/// When the value is no number or out of range.
pub fn seconds(value: &str) -> Result<std::time::Duration, String> {
    let number: f64 = value.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if !(0.0..=86_400.0).contains(&number) {
        return Err("must be between 0 and 86400 seconds".to_owned());
    }
    Ok(std::time::Duration::from_secs_f64(number))
}
