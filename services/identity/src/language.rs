//! Everything that pages and mails say, in their two languages.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader as _};
pub(crate) use platform_pages::Language;

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

/// What is said in a language.
pub(crate) trait Texts {
    /// The text with this key.
    fn text(self, key: &str) -> String;

    /// The text with this key, with values put in.
    fn text_with(self, key: &str, values: &[(&'static str, &str)]) -> String;
}

impl Texts for Language {
    fn text(self, key: &str) -> String {
        texts::TEXTS.lookup(&identifier(self), key)
    }

    fn text_with(self, key: &str, values: &[(&'static str, &str)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> =
            values.iter().map(|(name, value)| (Cow::from(*name), FluentValue::from(*value))).collect();
        texts::TEXTS.lookup_with_args(&identifier(self), key, &values)
    }
}

fn identifier(language: Language) -> LanguageIdentifier {
    match language {
        Language::Turkish => fluent_templates::langid!("tr"),
        Language::English => fluent_templates::langid!("en"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                let text = language.text_with(
                    &key,
                    &[
                        ("client", "x"),
                        ("email", "x"),
                        ("link", "x"),
                        ("seconds", "1"),
                        ("count", "1"),
                        ("days", "1"),
                        ("browser", "x"),
                        ("system", "x"),
                    ],
                );
                assert!(
                    !text.contains("Unknown localization") && !text.contains("{"),
                    "{key} in {}",
                    language.code()
                );
            }
        }
    }
}
