//! Errors of the gateway's own: a problem document for programs, a page for people. Both carry the
//! request's id, by which somebody can be asked about it.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use platform_http::Problem;
use platform_http::problem::TYPE_BASE;

use super::AnswerBody;

/// Which form the client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Document,
    Page,
}

impl Form {
    /// A page where the client says that it likes `text/html` better than JSON (RFC 9110 §12.5.1), as browsers do that
    /// load one. Who likes both alike, or doesn't say, gets the document.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = || headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        // What programs send, if anything.
        if values().all(|value| value == "*/*" || value == "application/json") {
            return Self::Document;
        }
        let quality = |subtypes: &[&str], kind: &str| {
            let ranges = values().flat_map(|value| value.split(','));
            ranges.filter_map(|range| fit(range, kind, subtypes)).max().map_or(0, |(_, quality)| quality)
        };
        let document = quality(&["json", "problem+json"], "application");
        if quality(&["html"], "text") > document { Self::Page } else { Self::Document }
    }
}

/// How closely a range of `Accept` fits one of these types, and its quality in thousandths; none when it does not.
fn fit(range: &str, kind: &str, subtypes: &[&str]) -> Option<(u8, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let (own, subtype) = parts.next()?.split_once('/')?;
    let is = |subtype: &str| subtypes.iter().any(|it| subtype.eq_ignore_ascii_case(it));
    let closeness = match (own, subtype) {
        ("*", "*") => 0,
        (own, "*") if own.eq_ignore_ascii_case(kind) => 1,
        (own, subtype) if own.eq_ignore_ascii_case(kind) && is(subtype) => 2,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((closeness, weight.map_or(1000, thousandths)))
}

/// `0.5` is 500; what is no weight (RFC 9110 §12.4.2) is 0.
fn thousandths(weight: &str) -> u16 {
    let (whole, digits) = weight.split_once('.').unwrap_or((weight, ""));
    let is_number = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{digits:0<3}").parse().unwrap_or(0);
    match whole {
        "1" if is_number && thousandths == 0 => 1000,
        "0" if is_number => thousandths,
        _ => 0,
    }
}

/// The answer for a problem.
pub(crate) fn refuse(problem: &Problem, form: Form, request_id: &str) -> Response<AnswerBody> {
    let (content_type, body) = match form {
        Form::Document => ("application/problem+json", document(problem, request_id)),
        Form::Page => ("text/html; charset=utf-8", page(problem, request_id)),
    };
    let mut response = Response::new(AnswerBody::Whole(Some(Bytes::from(body))));
    *response.status_mut() = problem.kind().status;
    let headers = response.headers_mut();
    for (name, value) in problem.headers() {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if form == Form::Page {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    response
}

fn document(problem: &Problem, request_id: &str) -> String {
    let kind = problem.kind();
    let mut document = serde_json::json!({
        "type": format!("{TYPE_BASE}{}", kind.slug),
        "title": kind.title,
        "status": kind.status.as_u16(),
        "instance": format!("urn:uuid:{request_id}"),
    });
    if let Some(detail) = problem.detail() {
        document["detail"] = detail.into();
    }
    document.to_string()
}

fn page(problem: &Problem, request_id: &str) -> String {
    let kind = problem.kind();
    let status = kind.status.as_u16();
    let (title, detail) = (escape(kind.title), escape(problem.detail().unwrap_or_default()));
    let again = match kind.status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            "<p>Please try again in a moment.</p>"
        }
        _ => "",
    };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}\
         small{{color:#595959}}</style>\
         <main><h1>{title}</h1><p>{detail}</p>{again}<p><a href=\"/\">To the start page</a></p>\
         <p><small>{status} · {request_id}</small></p></main></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &'static str) -> Form {
        let mut headers = HeaderMap::new();
        // A list may be sent in several lines (RFC 9110 §5.3).
        for line in accept.split('|') {
            headers.append(header::ACCEPT, HeaderValue::from_static(line));
        }
        Form::of(&headers)
    }

    #[test]
    fn browsers_get_a_page_and_programs_a_document() {
        assert_eq!(form("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Form::Page);
        assert_eq!(form("application/json"), Form::Document);
        assert_eq!(form("application/json, text/html;q=0.5"), Form::Document);
        assert_eq!(form("*/*"), Form::Document);
        assert_eq!(Form::of(&HeaderMap::new()), Form::Document);
    }

    #[test]
    fn what_the_client_likes_better_counts_and_not_what_it_names_first() {
        for (accept, expected) in [
            ("text/html;q=0.1, application/json", Form::Document),
            ("application/xhtml+xml, text/html", Form::Page),
            ("application/json;q=0.2, text/html;q=0.9", Form::Page),
            ("application/json;q=0.2|TEXT/HTML; charset=utf-8; q=0.900", Form::Page),
            // The closest range counts, not the best one.
            ("text/html;q=0, */*", Form::Document),
            ("text/html;q=0.5, text/*, */*;q=0.6", Form::Document),
            ("*/*, application/*;q=0.1", Form::Page),
            ("text/html, application/problem+json", Form::Document),
            // What is no weight is none.
            ("text/html;q=2, application/json;q=0.1", Form::Document),
            ("text/html;q=0.1234, application/json;q=0.1", Form::Document),
            ("text/html;q=x, application/json;q=0.001", Form::Document),
            ("text/html;q=1.5, application/json;q=0.001", Form::Document),
            ("text/plain", Form::Document),
            ("rubbish", Form::Document),
        ] {
            assert_eq!(form(accept), expected, "{accept}");
        }
    }
}
