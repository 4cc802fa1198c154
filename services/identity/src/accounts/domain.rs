//! What an account is, and which values it may have. No I/O.

use std::fmt;

use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::language::Language;

/// An address of the longest kind that fits into SMTP (RFC 5321 §4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;
const LONGEST_NAME: usize = 100;

/// What somebody may be beside a student, which everybody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) instructor: bool,
    pub(crate) admin: bool,
}

impl Roles {
    /// The value of the claim `roles`.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let mut names = vec!["student"];
        names.extend(self.instructor.then_some("instructor"));
        names.extend(self.admin.then_some("admin"));
        names
    }

    /// What these have that `before` had not.
    pub(crate) fn gained(self, before: Self) -> Vec<&'static str> {
        self.names().into_iter().filter(|name| !before.names().contains(name)).collect()
    }
}

/// An account that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// `sub` in tokens.
    pub(crate) id: Uuid,
    /// As its owner wrote it.
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<OffsetDateTime>,
    pub(crate) name: String,
    pub(crate) city: String,
    /// The language of mails: `tr` or `en`.
    pub(crate) language: String,
    /// Argon2id in PHC form.
    pub(crate) password_hash: String,
    pub(crate) roles: Roles,
    /// Since when signing in takes a second factor.
    pub(crate) second_factor_at: Option<OffsetDateTime>,
    /// Since when an administrator lets nobody in.
    pub(crate) locked_at: Option<OffsetDateTime>,
    pub(crate) created_at: OffsetDateTime,
    /// When what describes the person was changed last (`updated_at`).
    pub(crate) updated_at: OffsetDateTime,
    /// Each change adds one.
    pub(crate) version: i64,
}

impl Account {
    /// The language of its mails.
    pub(crate) fn language(&self) -> Language {
        Language::parse(&self.language).unwrap_or(Language::Turkish)
    }

    /// Whether it can do what only administrators may.
    pub(crate) fn is_administrator(&self) -> bool {
        self.roles.admin && self.locked_at.is_none()
    }

    /// Whether both say the same about a person: what OpenID Connect calls claims (Core §5.1).
    pub(crate) fn is_described_like(&self, other: &Self) -> bool {
        let claims = |it: &Self| {
            (it.email.clone(), it.email_verified_at, it.name.clone(), it.city.clone(), it.language.clone())
        };
        claims(self) == claims(other)
    }

    /// The form in which its address is compared.
    pub(crate) fn email_key(&self) -> String {
        Email::parse(&self.email).map_or_else(|_| self.email.to_lowercase(), |email| email.key)
    }
}

/// A value that an account can't have. `key` names the text that says so to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Unacceptable {
    /// What to do about it, for a program.
    pub(crate) detail: &'static str,
    /// The key of the same in the languages of the pages.
    pub(crate) key: &'static str,
}

/// An e-mail address in the form that browsers accept (HTML, *valid e-mail address*), its domain also in other
/// letters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Email {
    text: String,
    key: String,
}

impl Email {
    const MISSING: Unacceptable =
        Unacceptable { detail: "must be an e-mail address", key: "error-email-missing" };
    const WRONG: Unacceptable = Unacceptable {
        detail: "must be an e-mail address, such as ada@example.com",
        key: "error-email-wrong",
    };

    /// The address in `text`, white space around it left out.
    pub(crate) fn parse(text: &str) -> Result<Self, Unacceptable> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() {
            return Err(Self::MISSING);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(Self::WRONG)?;
        let atom = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let local_is_fine = (1..=64).contains(&local.len())
            && local.bytes().all(atom)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        // A URL's host may be percent-encoded, a mail's may not: it would have the key of another's address.
        if domain.contains('%') {
            return Err(Self::WRONG);
        }
        // Not a literal address, and nothing that only a URL's host may have.
        let Ok(url::Host::Domain(domain)) = url::Host::parse(domain) else { return Err(Self::WRONG) };
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // One label is a slip of the pen, except on the machine of whoever tries the platform out.
        let whole = domain.contains('.') || domain == "localhost";
        if !local_is_fine || !domain.split('.').all(label) || !whole {
            return Err(Self::WRONG);
        }
        let key = format!("{}@{domain}", local.to_ascii_lowercase());
        if key.len() > LONGEST_EMAIL || text.chars().count() > LONGEST_EMAIL {
            return Err(Self::WRONG);
        }
        Ok(Self { text, key })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// As it is compared: lower case, the domain in ASCII.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// Addresses are personal: a log must not get one by accident.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// A person's name: 1 to 100 characters on one line.
pub(crate) fn name(text: &str) -> Result<String, Unacceptable> {
    const MISSING: Unacceptable = Unacceptable { detail: "must not be empty", key: "error-name-missing" };
    const WRONG: Unacceptable =
        Unacceptable { detail: "must have at most 100 characters on one line", key: "error-name-wrong" };
    match line(text) {
        Some(name) if name.is_empty() => Err(MISSING),
        Some(name) => Ok(name),
        None => Err(WRONG),
    }
}

/// A city: at most 100 characters on one line, or none.
pub(crate) fn city(text: &str) -> Result<String, Unacceptable> {
    const WRONG: Unacceptable =
        Unacceptable { detail: "must have at most 100 characters on one line", key: "error-city-wrong" };
    line(text).ok_or(WRONG)
}

fn line(text: &str) -> Option<String> {
    let text: String = text.trim().nfc().collect();
    let fits = text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control);
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_whatever_their_case_and_letters() {
        for (text, key) in [
            ("Ada@Example.COM", "ada@example.com"),
            (" ada.lovelace+shop@example.com ", "ada.lovelace+shop@example.com"),
            ("ada@örnek.example", "ada@xn--rnek-4qa.example"),
            ("o'brien@mail.example.org", "o'brien@mail.example.org"),
        ] {
            assert_eq!(Email::parse(text).unwrap().key(), key, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}.com", vec!["a".repeat(63); 4].join("."));
        for text in [
            "",
            " ",
            "ada",
            "ada@",
            "@example.com",
            "ada@@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@example",
            "ada@-a.com",
            "ada@127.0.0.1",
            "ada@[::1]",
            "ada@example.com\r\nBcc: x@example.com",
            ".ada@example.com",
            "a..b@example.com",
            "ada@example..com",
            "<ada@example.com>",
            "ğ@example.com",
            "ada@example.com/path",
            "ada@%65xample.com:25",
            "ada@%65xample.com",
            "ada@example%2Ecom",
            "ada@%6c%6f%63%61%6c%68%6f%73%74",
            &long,
            &longer,
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_one_line_of_at_most_100_characters() {
        assert_eq!(name("  Ada  ").unwrap(), "Ada");
        assert_eq!(name(&"ğ".repeat(100)).unwrap().chars().count(), 100);
        // Two ways to write the same letter are one name.
        assert_eq!(name("I\u{307}lker").unwrap(), name("İlker").unwrap());
        for text in ["", " ", "a\nb", "a\0", &"x".repeat(101)] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(city("").unwrap(), "");
    }

    #[test]
    fn only_new_roles_are_gained() {
        let instructor = Roles { instructor: true, admin: false };
        assert_eq!(instructor.gained(Roles::default()), ["instructor"]);
        assert!(instructor.gained(Roles { instructor: true, admin: true }).is_empty());
    }
}
