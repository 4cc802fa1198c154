//! What the user reads. All of it goes to standard error, so that standard output stays the command's own.

use std::io::{IsTerminal, Write};

/// The colours used, as ANSI "select graphic rendition" numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Cyan = 36,
    Grey = 90,
}

/// Whether colours are wanted: standard error is a terminal, and `NO_COLOR` (no-color.org) is unset.
pub(crate) fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// `text` in `colour`, or as it is when colours are not wanted.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    if colours() { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.to_owned() }
}

/// Writes one line. A closed standard error (a pipe whose reader left) is no reason to stop.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{line}");
}
