//! What is wrong with a routes file, and on which line it stands. It only finds the place; what is right is decided
//! elsewhere.

use std::fmt;
use std::path::PathBuf;

use platform_components::{Name, ROUTES_VERSION};

/// Why a routes file can't be used. The text says where and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutesError {
    #[error("can't read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The parser's text names line and column, unless something is missing from the whole.
    #[error("{path}: {line}{source}")]
    Syntax { path: PathBuf, line: Line, source: serde_norway::Error },
    #[error("{line}version {version} is not known to this gateway, which reads version {ROUTES_VERSION}")]
    Version { line: Line, version: u32 },
    #[error("{line}upstream {name}: {reason}")]
    Upstream { line: Line, name: Name, reason: String },
    #[error("{line}limit {name}: {reason}")]
    Limit { line: Line, name: String, reason: &'static str },
    #[error(
        "TOKEN_URL: {line}route {path} exchanges tokens there; set it, or `exchange: false` in the route"
    )]
    NoExchange { line: Line, path: String },
    #[error("{line}route {path}: {reason}")]
    Route { line: Line, path: String, reason: String },
}

/// Where in the file; unknown where a file is written in an unusual way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, "line {line}: "),
            None => Ok(()),
        }
    }
}

impl Line {
    /// The first line, where the parser's text names none: it is about the whole file.
    pub(super) fn of(error: &serde_norway::Error) -> Self {
        Self(error.location().is_none_or(|at| at.index() == 0).then_some(1))
    }

    /// The line on which `key` stands (with this value) for the `nth` time, in YAML of either form and JSON.
    pub(super) fn find(text: &str, key: &str, value: Option<&str>, nth: usize) -> Self {
        let lines = text.lines().enumerate();
        let times = |line: &str| places(without_comment(line), key, value);
        let found = lines.flat_map(|(number, line)| std::iter::repeat_n(number + 1, times(line))).nth(nth);
        Self(found)
    }
}

/// What may stand between a key or a value and what it stands beside.
const QUOTES: &[char] = &['"', '\'', ' '];

/// How often `key` stands in a line (with this value).
fn places(line: &str, key: &str, value: Option<&str>) -> usize {
    let is_key = |(at, _): &(usize, &str)| {
        let before = line.get(..*at).unwrap_or_default().chars().next_back();
        let begins = before.is_none_or(|it| QUOTES.contains(&it) || matches!(it, '{' | ','));
        let after = line.get(at + key.len()..).unwrap_or_default().trim_start_matches(QUOTES);
        let Some(rest) = after.strip_prefix(':').filter(|_| begins) else { return false };
        let Some(value) = value else { return true };
        let after = rest.trim_start_matches(QUOTES).strip_prefix(value);
        after.is_some_and(|it| it.is_empty() || it.starts_with(['"', '\'', ',', ' ', '}']))
    };
    line.match_indices(key).filter(is_key).count()
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# path: /a
path: /
routes: [{path: '/a', x-path: /}, {path: /}]
{\"path\": \"/a\"},{ \"path\":\"/a\"}
- path: /a/b # path: /c
";

    #[test]
    fn a_value_is_found_in_block_style_flow_style_and_json() {
        let line = |value, nth| Line::find(TEXT, "path", Some(value), nth).0;
        assert_eq!([0, 1, 2].map(|nth| line("/", nth)), [Some(2), Some(3), None]);
        assert_eq!([0, 1, 2, 3].map(|nth| line("/a", nth)), [Some(3), Some(4), Some(4), None]);
        assert_eq!((line("/a/b", 0), line("/c", 0)), (Some(5), None));
        assert_eq!(Line::find(TEXT, "routes", None, 0).to_string(), "line 3: ");
    }
}
