//! The two languages of pages and mails, and which one somebody sees.

use http::{HeaderMap, header};

/// A language that pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Türkçe.
    Turkish,
    /// English.
    English,
}

impl Language {
    /// Both, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Turkish, Self::English];

    /// The code of ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Turkish => "tr",
            Self::English => "en",
        }
    }

    /// What it calls itself.
    #[must_use]
    pub fn own_name(self) -> &'static str {
        match self {
            Self::Turkish => "Türkçe",
            Self::English => "English",
        }
    }

    /// The language with this code, whatever its region (`en-GB`).
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let primary = code.split('-').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The one of ours that `Accept-Language` prefers (RFC 9110 §12.5.4); the first one wins a tie.
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        Self::preferred(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
    }

    /// The one to show: what the address asks for, else what was chosen before (the cookie), else what the browser
    /// prefers, else Turkish.
    #[must_use]
    pub fn shown(asked: Option<&str>, chosen: Option<&str>, headers: &HeaderMap) -> Self {
        let asked = asked.and_then(Self::parse).or_else(|| chosen.and_then(Self::parse));
        asked.or_else(|| Self::accepted(headers)).unwrap_or(Self::Turkish)
    }

    /// The languages to choose from, for a page in this one.
    #[must_use]
    pub fn choices(self) -> [Choice; 2] {
        Self::ALL.map(|language| Choice {
            code: language.code(),
            name: language.own_name(),
            current: language == self,
        })
    }

    fn preferred(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let (code, weight) = match range.split_once(";q=") {
                Some((code, weight)) => (code, weight.trim().parse().unwrap_or(0.0)),
                None => (range, 1.0),
            };
            let Some(language) = Self::parse(code) else { continue };
            if weight > 0.0 && best.is_none_or(|(known, _)| weight > known) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// A language to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The code of ISO 639-1.
    pub code: &'static str,
    /// What it calls itself.
    pub name: &'static str,
    /// Whether the page is in it.
    pub current: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_preference_is_followed() {
        for (header, expected) in [
            ("en", Some(Language::English)),
            ("tr-TR,tr;q=0.9,en;q=0.8", Some(Language::Turkish)),
            ("de-DE,de;q=0.9,en-GB;q=0.7,tr;q=0.3", Some(Language::English)),
            ("en;q=0.2,TR;q=0.9", Some(Language::Turkish)),
            ("en;q=0,de", None),
            ("de", None),
            ("", None),
            (";q=x,,;", None),
        ] {
            assert_eq!(Language::preferred(header), expected, "{header}");
        }
    }

    #[test]
    fn what_somebody_chose_counts_more_than_what_the_browser_prefers() {
        let english = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, "en".parse().unwrap())]);
        assert_eq!(Language::shown(None, None, &HeaderMap::new()), Language::Turkish);
        assert_eq!(Language::shown(None, None, &english), Language::English);
        assert_eq!(Language::shown(None, Some("tr"), &english), Language::Turkish);
        assert_eq!(Language::shown(Some("en-GB"), Some("tr"), &english), Language::English);
        assert_eq!(Language::shown(Some("de"), Some("xx"), &english), Language::English);
    }
}
