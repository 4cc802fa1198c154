//! Words that a password must not be made of (ASVS 5.0, 6.1.2 and 6.2.11): those of this platform, of the host that
//! it is reached at, and of the person. A word among others does no harm; one with a year behind it does. No I/O.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

use crate::accounts::domain::Email;

/// What the platform calls itself, what it is about and who is who on it, in its two languages. docs/asvs.md has the
/// same list.
const PLATFORM: [&str; 21] = [
    "courseplatform",
    "course",
    "platform",
    "marketplace",
    "identity",
    "student",
    "teacher",
    "instructor",
    "admin",
    "password",
    "secret",
    "welcome",
    "kurs",
    "egitim",
    "ogrenci",
    "ogretmen",
    "egitmen",
    "yonetici",
    "parola",
    "sifre",
    "hosgeldin",
];
/// Shorter ones stand in too many others.
const SHORTEST_WORD: usize = 3;
/// As few letters beside the words are too few.
const LETTERS: usize = 3;
/// As many digits and signs beside the words are enough.
const OTHERS: usize = 10;

/// Words to compare passwords with. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(Arc<[Vec<char>]>);

impl Words {
    /// The platform's own, and those of the host that it is reached at.
    pub(crate) fn of_platform(host: &str) -> Self {
        PLATFORM.iter().map(|word| folded(word)).chain(parts(host)).collect()
    }

    /// These, and those of somebody's name and address.
    pub(crate) fn and_of(&self, name: &str, email: Option<&Email>) -> Self {
        let address = email.map(Email::key).unwrap_or_default();
        self.0.iter().cloned().chain(parts(name)).chain(parts(address)).collect()
    }

    /// Whether a password has one of the words, and too little besides.
    pub(crate) fn make_up(&self, password: &str) -> bool {
        let text = Zeroizing::new(folded(password));
        let mut covered = vec![false; text.len()];
        for word in self.0.iter() {
            for (at, window) in text.windows(word.len()).enumerate() {
                if window.iter().zip(word).all(|(one, two)| plain(*one) == plain(*two)) {
                    covered.iter_mut().skip(at).take(word.len()).for_each(|it| *it = true);
                }
            }
        }
        let rest = || text.iter().zip(&covered).filter(|(_, covered)| !**covered).map(|(letter, _)| *letter);
        let letters = rest().filter(|it| it.is_alphabetic()).count();
        let others = rest().filter(|it| !it.is_alphabetic() && !it.is_whitespace()).count();
        covered.contains(&true) && letters < LETTERS && others < OTHERS
    }
}

impl FromIterator<Vec<char>> for Words {
    fn from_iter<T: IntoIterator<Item = Vec<char>>>(words: T) -> Self {
        Self(words.into_iter().collect())
    }
}

/// The words in a name, a host or an address.
fn parts(text: &str) -> impl Iterator<Item = Vec<char>> {
    let words = text.split(|it: char| !it.is_alphanumeric()).map(folded);
    words.filter(|word| word.len() >= SHORTEST_WORD && word.iter().any(|it| it.is_alphabetic()))
}

/// In lower case and without marks: Yılmaz and YILMAZ are `yilmaz`.
fn folded(text: &str) -> Vec<char> {
    let lower = text.to_lowercase();
    let letters = lower.nfd().filter(|it| !is_combining_mark(*it));
    letters.map(|it| if it == 'ı' { 'i' } else { it }).collect()
}

/// The letter that people write this sign for.
fn plain(sign: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        let email = Email::parse("A.Yilmaz@okul.example").unwrap();
        Words::of_platform("courses.bilgi.example").and_of("Ayşe Işıl Yılmaz", Some(&email)).make_up(password)
    }

    #[test]
    fn a_password_is_not_made_of_the_persons_and_the_platforms_words() {
        for password in [
            "YILMAZ-2026!",
            "ayşe.yılmaz",
            "ayse yilmaz 1990",
            "IŞILışılIŞIL",
            "okul.example",
            "bilgi 123456",
            "Course Platform 1",
            "c0ursepl4tf0rm",
            "AdminAdmin!!",
            "kurs_öğrenci",
            "p@ssw0rd2026",
        ] {
            assert!(refused(password), "{password}");
        }
    }

    #[test]
    fn a_word_among_others_does_no_harm() {
        for password in [
            "yılmaz ve üç kuş",
            "a course in fire",
            "correct horse battery",
            "admin of nothing",
            "2026 yazında güneş",
            "kurs 48210957361",
        ] {
            assert!(!refused(password), "{password}");
        }
        assert!(!Words::default().make_up("anything goes"));
    }

    #[test]
    fn the_list_is_the_one_that_is_written_down() {
        let page = include_str!("../../../../../docs/asvs.md");
        for word in PLATFORM {
            assert!(page.contains(&format!("`{word}`")), "docs/asvs.md does not list {word}");
            assert_eq!(folded(word), word.chars().collect::<Vec<_>>(), "{word}");
        }
    }
}
