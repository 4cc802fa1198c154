//! Lists of scopes (RFC 6749 §3.3).

use std::fmt;

/// The scopes in a text: separated by single spaces, of the characters that RFC 6749 §3.3 allows; `None` when
/// it is something else. An empty text is no list.
pub(crate) fn split(text: &str) -> Option<Vec<&str>> {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let scopes: Vec<&str> = text.split(' ').collect();
    scopes.iter().all(|scope| !scope.is_empty() && scope.bytes().all(allowed)).then_some(scopes)
}

/// Scopes in the order in which they were asked for, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    /// The scopes of a text that is ours: from a row or a token of our own.
    pub(crate) fn stored(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }

    pub(crate) fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|it| it == scope)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Only those that pass.
    pub(crate) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        self.iter().filter(|scope| keep(scope)).collect()
    }

    /// Whether all of `other` are here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        let mut all = Self::default();
        for scope in scopes {
            if !all.contains(scope) {
                all.0.push(scope.to_owned());
            }
        }
        all
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_scopes_is_what_rfc_6749_says() {
        assert_eq!(split("openid a.b c:d/e").unwrap(), ["openid", "a.b", "c:d/e"]);
        for wrong in ["", " ", "a  b", " a", "a ", "a\tb", "a\"b", "a\\b", "ç", "a\u{7f}"] {
            assert_eq!(split(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_scope_stands_once() {
        assert_eq!(Scopes::from_iter(["b", "a", "b"]).to_string(), "b a");
    }
}
