//! The two languages of pages and mails, and everything that is said in them. The shop has the same two.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader as _};

/// A language that pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Turkish,
    English,
}

mod texts {
    #![allow(missing_docs, reason = "generated")]

    fluent_templates::static_loader! {
        pub(super) static TEXTS = {
            locales: "./locales",
            fallback_language: "tr",
            // Nothing in these texts is written from right to left.
            customise: |bundle| bundle.set_use_isolating(false),
        };
    }
}

impl Language {
    /// Both, in the order in which they are offered.
    pub(crate) const ALL: [Self; 2] = [Self::Turkish, Self::English];

    /// The code of ISO 639-1.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Turkish => "tr",
            Self::English => "en",
        }
    }

    /// What it calls itself.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::Turkish => "Türkçe",
            Self::English => "English",
        }
    }

    /// The language with this code, whatever its region (`en-GB`).
    pub(crate) fn parse(code: &str) -> Option<Self> {
        let primary = code.split('-').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The one of ours that `Accept-Language` prefers (RFC 9110 §12.5.4); the first one wins a tie.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
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

    /// The text with this key.
    pub(crate) fn text(self, key: &str) -> String {
        texts::TEXTS.lookup(&self.identifier(), key)
    }

    /// The text with this key, with values put in.
    pub(crate) fn text_with(self, key: &str, values: &[(&'static str, &str)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> =
            values.iter().map(|(name, value)| (Cow::from(*name), FluentValue::from(*value))).collect();
        texts::TEXTS.lookup_with_args(&self.identifier(), key, &values)
    }

    fn identifier(self) -> LanguageIdentifier {
        match self {
            Self::Turkish => fluent_templates::langid!("tr"),
            Self::English => fluent_templates::langid!("en"),
        }
    }
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
            ("en;q=0,de", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }

    #[test]
    fn everything_is_said_in_both_languages() {
        let keys = |file: &str| {
            let mut keys: Vec<_> = file
                .lines()
                .filter(|line| !line.starts_with(['#', ' ']))
                .filter_map(|line| line.split_once(" =").map(|(key, _)| key.to_owned()))
                .collect();
            keys.sort();
            keys
        };
        let turkish = keys(include_str!("../locales/tr/identity.ftl"));
        assert_eq!(turkish, keys(include_str!("../locales/en/identity.ftl")));
        for key in turkish {
            for language in Language::ALL {
                let text = language
                    .text_with(&key, &[("client", "x"), ("email", "x"), ("link", "x"), ("seconds", "1")]);
                assert!(
                    !text.contains("Unknown localization") && !text.contains("{"),
                    "{key} in {}",
                    language.code()
                );
            }
        }
    }
}
