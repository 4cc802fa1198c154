//! From the process's arguments and environment to a typed struct, with errors that name the key.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches};

/// A configuration that can't be used. Its text is one line and names the key.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct ConfigError {
    /// The environment variable (or argument) that is wrong.
    pub key: String,
    /// What is wrong with it, in lower case.
    pub reason: String,
}

impl ConfigError {
    /// A wrong value found after parsing, such as two keys that contradict each other.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }
}

/// Parses the process's own arguments and environment. `--help` and `--version` print and exit with 0;
/// a wrong configuration prints one line on standard error and exits with 2.
pub fn parse<T: CommandFactory + FromArgMatches>() -> T {
    match parse_from(std::env::args_os()) {
        Ok(value) => value,
        Err(ParseFailure::Help(text)) => exit(&text, 0),
        Err(ParseFailure::Config(error)) => {
            exit(&format!("{}: {error}\n", T::command().get_name()), super::EXIT_CONFIGURATION)
        }
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's last words before it exits")]
fn exit(text: &str, code: u8) -> ! {
    if code == 0 {
        print!("{text}");
    } else {
        eprint!("{text}");
    }
    std::process::exit(i32::from(code))
}

/// Why parsing did not give a value.
#[derive(Debug)]
pub enum ParseFailure {
    /// The user asked for help or the version; here is the text.
    Help(String),
    /// The configuration is wrong.
    Config(ConfigError),
}

/// Parses explicit arguments (the first is the program's name) and the environment.
///
/// # Errors
/// [`ParseFailure::Help`] when help or the version was asked for, else [`ParseFailure::Config`].
pub fn parse_from<T, I, A>(arguments: I) -> Result<T, ParseFailure>
where
    T: CommandFactory + FromArgMatches,
    I: IntoIterator<Item = A>,
    A: Into<OsString> + Clone,
{
    // The environment's values may be secrets' paths or internal addresses: help shows names only.
    let mut command = T::command().mut_args(|arg| arg.hide_env_values(true));
    command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| T::from_arg_matches(&matches))
        .map_err(|error| explain(&command, &error))
}

fn explain(command: &Command, error: &clap::Error) -> ParseFailure {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return ParseFailure::Help(error.to_string());
    }
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.clone(),
        Some(ContextValue::Strings(arguments)) => arguments.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let key = key_of(command, &argument);
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.clone(),
        _ => String::new(),
    };
    let reason = match error.kind() {
        ErrorKind::MissingRequiredArgument => "is required but not set".to_owned(),
        ErrorKind::ValueValidation => {
            let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("invalid value {value:?}: {}", first_line(&source))
        }
        ErrorKind::InvalidValue if value.is_empty() => "must not be empty".to_owned(),
        ErrorKind::InvalidValue => {
            let valid = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => format!(", expected one of: {}", values.join(", ")),
                _ => String::new(),
            };
            format!("invalid value {value:?}{valid}")
        }
        _ => first_line(&error.to_string()).trim_start_matches("error: ").to_owned(),
    };
    ParseFailure::Config(ConfigError { key, reason })
}

/// The environment's name of an argument as clap writes it (`--listen-addr <LISTEN_ADDR>`).
fn key_of(command: &Command, argument: &str) -> String {
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    let found = command.get_arguments().find(|candidate| long_form(candidate).as_deref() == Some(name));
    match found.and_then(Arg::get_env) {
        Some(key) => key.to_string_lossy().into_owned(),
        None if name.is_empty() => "arguments".to_owned(),
        None => argument.to_owned(),
    }
}

fn long_form(argument: &Arg) -> Option<String> {
    argument.get_long().map(|long| format!("--{long}"))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    #[command(name = "sample", version)]
    struct Sample {
        /// The address to listen on.
        #[arg(long, env = "SAMPLE_ADDR", default_value = "127.0.0.1:0")]
        sample_addr: std::net::SocketAddr,
        /// The name that must be there.
        #[arg(long, env = "SAMPLE_NAME", value_parser = crate::non_empty)]
        sample_name: String,
    }

    fn failure(arguments: &[&str]) -> String {
        match parse_from::<Sample, _, _>(arguments.iter().copied()) {
            Err(ParseFailure::Config(error)) => error.to_string(),
            other => panic!("expected a configuration error, got {other:?}"),
        }
    }

    #[test]
    fn a_missing_value_names_its_key() {
        assert_eq!(failure(&["sample"]), "SAMPLE_NAME: is required but not set");
    }

    #[test]
    fn an_empty_value_names_its_key() {
        assert_eq!(
            failure(&["sample", "--sample-name", " "]),
            "SAMPLE_NAME: invalid value \" \": must not be empty"
        );
    }

    #[test]
    fn a_wrong_value_names_its_key_and_fits_one_line() {
        let text = failure(&["sample", "--sample-name", "x", "--sample-addr", "nowhere"]);
        assert_eq!(text, "SAMPLE_ADDR: invalid value \"nowhere\": invalid socket address syntax");
    }

    #[test]
    fn an_unknown_argument_is_named() {
        assert!(failure(&["sample", "--sample-name", "x", "--nonsense"]).contains("--nonsense"));
    }

    #[test]
    fn help_documents_each_key_and_hides_values() {
        let Err(ParseFailure::Help(text)) = parse_from::<Sample, _, _>(["sample", "--help"]) else {
            panic!("no help");
        };
        assert!(
            text.contains("[env: SAMPLE_NAME]") && text.contains("The name that must be there"),
            "{text}"
        );
    }
}
