//! Which paths are clear enough to be routed.
//!
//! A path that different programs read differently is refused instead of cleaned up, so that the upstream
//! never serves another path than the one whose route was checked.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// `.` or `..` as a segment, in any spelling.
    #[error("the path must not contain `.` or `..` segments")]
    DotSegment,
    /// `//`.
    #[error("the path must not contain empty segments")]
    EmptySegment,
    /// A separator or control character in disguise.
    #[error("the path must not contain encoded slashes, backslashes or control characters")]
    Disguised,
    /// A percent sign that is not followed by two hexadecimal digits.
    #[error("the path contains a broken percent encoding")]
    BrokenEncoding,
    /// Percent encoding of what needs none: `%61` is `a` to whoever decodes, and another path to who doesn't.
    #[error("the path must not contain encoded letters, digits or any of `-._~`")]
    Needless,
    /// Percent encoding of something that is not UTF-8.
    #[error("the path is not UTF-8")]
    NotUtf8,
}

impl PathError {
    /// In a word, for a label.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::DotSegment => "dots",
            Self::EmptySegment => "empty",
            Self::Disguised => "disguised",
            Self::BrokenEncoding => "encoding",
            Self::Needless => "needless",
            Self::NotUtf8 => "not-utf8",
        }
    }
}

/// Refuses ambiguous paths.
///
/// # Errors
/// See [`PathError`].
pub(crate) fn check(path: &str) -> Result<(), PathError> {
    if is_plain(path) {
        return Ok(());
    }
    // Nearly no path is encoded, and one that isn't needs no copy.
    let mut needless = false;
    let decoded = if path.contains('%') {
        Cow::Owned(decode(path, &mut needless)?)
    } else {
        Cow::Borrowed(path.as_bytes())
    };
    let clear = |byte: &u8| !byte.is_ascii_control() && *byte != b'\\';
    if !decoded.iter().all(clear) || path.contains(';') {
        return Err(PathError::Disguised);
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| PathError::NotUtf8)?;
    let mut segments = text.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => return Err(PathError::DotSegment),
            // The last segment is empty when the path ends with a slash, which is fine.
            "" if segments.peek().is_some() => return Err(PathError::EmptySegment),
            _ => {}
        }
    }
    if needless { Err(PathError::Needless) } else { Ok(()) }
}

/// Whether there is nothing in it that needs a closer look, as in nearly all paths.
fn is_plain(path: &str) -> bool {
    let mut before = b'/';
    path.starts_with('/')
        && path.bytes().skip(1).all(|byte| {
            let begins = std::mem::replace(&mut before, byte) == b'/';
            byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (!begins && b"./".contains(&byte))
        })
}

/// Decodes percent encoding; `needless` when something is encoded that need not be (RFC 3986 §2.3).
fn decode(path: &str, needless: &mut bool) -> Result<Vec<u8>, PathError> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(PathError::BrokenEncoding) };
        let value = u8::try_from(high * 16 + low).map_err(|_| PathError::BrokenEncoding)?;
        // An encoded slash is one segment to some programs and two to others; an encoded percent sign may
        // be decoded twice.
        if matches!(value, b'/' | b'%') {
            return Err(PathError::Disguised);
        }
        *needless |= value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~');
        decoded.push(value);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_paths_pass() {
        for path in ["/", "/a", "/a/", "/a.b/..c", "/%C3%A7ay", "/identity/.well-known/x", "/a%20b"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for (path, expected) in [
            ("/a/../b", PathError::DotSegment),
            ("/a/%2e%2e/b", PathError::DotSegment),
            ("/a/%2E./b", PathError::DotSegment),
            ("/./a", PathError::DotSegment),
            ("//a", PathError::EmptySegment),
            ("/a//b", PathError::EmptySegment),
            ("/a%2fb", PathError::Disguised),
            ("/a%5cb", PathError::Disguised),
            ("/a%00", PathError::Disguised),
            ("/a%252e", PathError::Disguised),
            ("/a;b=c/d", PathError::Disguised),
            ("/%61dmin", PathError::Needless),
            ("/a%2Db", PathError::Needless),
            ("/a%zz", PathError::BrokenEncoding),
            ("/a%2", PathError::BrokenEncoding),
            ("/%c0%ae%c0%ae/x", PathError::NotUtf8),
        ] {
            assert_eq!(check(path), Err(expected), "{path}");
        }
    }
}
