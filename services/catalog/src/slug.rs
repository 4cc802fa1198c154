//! The readable part of an address, made from a name.

/// Longer slugs make no address more readable.
const LONGEST: usize = 80;

/// Makes a slug: lower-case ASCII letters and digits, joined by single hyphens. Letters of the Turkish and the
/// western European alphabets become their closest ASCII letters; what has none separates words. `fallback`
/// is for names of which nothing is left.
pub(crate) fn slug(name: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match fold(letter) {
            Some(ascii) => slug.push_str(ascii),
            None if letter.is_ascii_alphanumeric() => slug.push(letter),
            // İ in lower case is i and this dot; the apostrophe of suffixes (Rust'a) joins as well.
            None if matches!(letter, '\u{307}' | '\'' | '’') => {}
            None if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
        if slug.len() >= LONGEST {
            slug.truncate(LONGEST);
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { fallback.to_owned() } else { slug.to_owned() }
}

fn fold(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ğ' => "g",
        'ı' | 'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => "o",
        'ş' | 'š' => "s",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'ý' | 'ÿ' => "y",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_readable_addresses() {
        for (name, expected) in [
            ("Rust'a Giriş", "rusta-giris"),
            ("IĞDIR İLİ: çöp & şölen", "igdir-ili-cop-solen"),
            ("  C++ / C#  ", "c-c"),
            ("100 % Web", "100-web"),
            ("日本語", "course"),
            ("", "course"),
        ] {
            assert_eq!(slug(name, "course"), expected, "{name}");
        }
    }

    #[test]
    fn a_long_name_is_cut_without_a_hyphen_at_its_end() {
        let slug = slug(&"ab ".repeat(100), "course");
        assert!(slug.len() <= LONGEST && slug.ends_with('b'), "{slug}");
    }
}
