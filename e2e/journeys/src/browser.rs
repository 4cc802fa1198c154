//! As much of a browser as signing in takes: cookies, redirects one at a time, and forms. It knows no page by
//! heart: what a form holds is sent back as it came, with the visible fields filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, Response, Url, header};

/// A browser nobody has used before.
pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

/// What came back: a page, or where to go next.
#[derive(Debug)]
pub struct Page {
    /// The address that answered.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// Where the answer leads, when it leads elsewhere.
    pub next: Option<Url>,
    /// The body as text.
    pub text: String,
}

impl Browser {
    /// A browser without cookies.
    ///
    /// # Panics
    /// When no HTTP client can be made.
    #[must_use]
    pub fn new() -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .expect("an HTTP client");
        Self { http, cookies: BTreeMap::new() }
    }

    /// Opens an address and follows redirects as long as they stay on its host; the one that leaves it is given
    /// back unopened.
    ///
    /// # Panics
    /// When there is no answer, or no end of redirects.
    pub async fn open(&mut self, url: Url) -> Page {
        let answer = self.http.get(url).headers(self.headers()).send().await.expect("an answer");
        self.arrive(answer).await
    }

    /// Fills in the form of `page` whose action is `action` and sends it.
    ///
    /// # Panics
    /// When the page has no such form, or there is no answer.
    pub async fn submit(&mut self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let (address, form) = form(&page.text, action)
            .unwrap_or_else(|| panic!("{} has no form for {action}:\n{}", page.url, page.text));
        let mut sent: Vec<(String, String)> =
            hidden(form).into_iter().filter(|(name, _)| !fields.iter().any(|(key, _)| key == name)).collect();
        sent.extend(fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let target = page.url.join(&address).expect("a form's address");
        let request = self.http.post(target.clone()).headers(self.headers());
        // A browser sends `Origin` with every POST (Fetch §3.2).
        let request = request.header(header::ORIGIN, target.origin().ascii_serialization());
        let answer = request.form(&sent).send().await.expect("an answer");
        self.arrive(answer).await
    }

    async fn arrive(&mut self, mut answer: Response) -> Page {
        for _ in 0..10 {
            self.keep_cookies(&answer);
            let url = answer.url().clone();
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok());
            match &next {
                Some(next) if next.origin() == url.origin() => {
                    let request = self.http.get(next.clone()).headers(self.headers());
                    answer = request.send().await.expect("an answer");
                }
                _ => {
                    let status = answer.status().as_u16();
                    let text = answer.text().await.expect("a body");
                    return Page { url, status, next, text };
                }
            }
        }
        panic!("redirects have no end: {}", answer.url());
    }

    fn keep_cookies(&mut self, answer: &Response) {
        for value in answer.headers().get_all(header::SET_COOKIE) {
            let text = value.to_str().expect("a cookie is text");
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a name and a value");
            if attributes.to_ascii_lowercase().contains("max-age=0") || value.is_empty() {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    fn headers(&self) -> header::HeaderMap {
        let mut headers = header::HeaderMap::new();
        headers.insert(header::ACCEPT, header::HeaderValue::from_static("text/html"));
        headers.insert(header::ACCEPT_LANGUAGE, header::HeaderValue::from_static("en"));
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.insert(header::COOKIE, pairs.join("; ").parse().expect("a header's value"));
        }
        headers
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

/// The form whose `action` is this path, with or without a query: where it goes, and its inside.
fn form<'a>(html: &'a str, action: &str) -> Option<(String, &'a str)> {
    html.split("<form").skip(1).find_map(|rest| {
        let (head, body) = rest.split_once('>')?;
        let address = attribute(head, "action")?;
        let inside = body.split("</form>").next().unwrap_or(body);
        (address.split('?').next() == Some(action)).then_some((address, inside))
    })
}

/// Names and values of the hidden fields.
fn hidden(form: &str) -> Vec<(String, String)> {
    form.split("<input")
        .skip(1)
        .filter_map(|rest| {
            let (tag, _) = rest.split_once('>')?;
            (attribute(tag, "type")? == "hidden")
                .then(|| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))?
        })
        .collect()
}

/// The value of an attribute in double quotes, which is how our templates write them.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split_once(&format!(" {name}=\""))?.1;
    Some(unescaped(rest.split('"').next()?))
}

/// Undoes the character references that templates write.
fn unescaped(text: &str) -> String {
    let mut plain = text.to_owned();
    for (reference, character) in [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#60;", "<"),
        ("&lt;", "<"),
        ("&#62;", ">"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        plain = plain.replace(reference, character);
    }
    plain
}
