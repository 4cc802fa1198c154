//! What a browser calls itself, in words that people know. What is not recognised is not guessed. No I/O.

/// A browser, as far as it is recognised by its `User-Agent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Browser {
    pub(crate) name: Option<&'static str>,
    pub(crate) system: Option<&'static str>,
}

/// What stands in the text, and whose it is. Browsers name those whom they descend from too, so the younger comes first.
const NAMES: [(&str, &str); 15] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

impl Browser {
    /// The browser that calls itself so.
    pub(crate) fn recognised(user_agent: &str) -> Self {
        let first = |known: &[(&str, &'static str)]| {
            known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
        };
        // `Version/` is Safari's way to say which one it is; others have it too.
        let name = first(&NAMES).filter(|name| *name != "Safari" || user_agent.contains("Safari/"));
        Self { name, system: first(&SYSTEMS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_name_and_system() {
        for (text, name, system) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/141.0.0.0 Mobile Safari/537.36",
                "Chrome",
                "Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari",
                "iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0",
                "Opera",
                "macOS",
            ),
        ] {
            assert_eq!(
                Browser::recognised(text),
                Browser { name: Some(name), system: Some(system) },
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_recognised_is_not_guessed() {
        let nothing = Browser { name: None, system: None };
        for text in ["", "Test", "<b>x</b>", "Mozilla/5.0", "MyApp/1.0 Version/2", "ğ"] {
            assert_eq!(Browser::recognised(text), nothing, "{text}");
        }
        assert_eq!(Browser::recognised("curl/8.14.1"), Browser { name: Some("curl"), system: None });
        assert_eq!(Browser::recognised("Thing (Windows)"), Browser { name: None, system: Some("Windows") });
    }
}
