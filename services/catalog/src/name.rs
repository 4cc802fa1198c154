//! Names of courses and categories.

use std::fmt;
use std::str::FromStr;

use platform_http::Problem;

/// The longest name in characters.
const LONGEST: usize = 120;

/// What people call a course or a category: one line of 1 to 120 characters, without white space around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// A text that is no name.
#[derive(Debug, thiserror::Error)]
#[error("must be one line of 1 to 120 characters")]
pub(crate) struct NameError;

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        let fits = (1..=LONGEST).contains(&name.chars().count());
        if fits && !name.chars().any(char::is_control) { Ok(Self(name.to_owned())) } else { Err(NameError) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<NameError> for Problem {
    /// The field is called `name` in every body.
    fn from(error: NameError) -> Self {
        Self::invalid_field("/name", error.to_string())
    }
}

/// For `#[garde(custom(is_name))]`.
pub(crate) fn is_name(text: &str, (): &()) -> garde::Result {
    text.parse::<Name>().map(drop).map_err(garde::Error::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_text() {
        assert_eq!(" Işık ve gölge ".parse::<Name>().unwrap().as_str(), "Işık ve gölge");
        assert!("ş".repeat(120).parse::<Name>().is_ok());
        for wrong in ["", "  ", "two\nlines", "\u{0}", &"ş".repeat(121)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }
}
