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
    /// A browser that loads a page says `text/html` first; a script that doesn't say gets the document.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let place = |name: &str| accept.split(',').position(|part| part.trim_start().starts_with(name));
        match (place("text/html"), place("application/")) {
            (Some(html), Some(json)) if html < json => Self::Page,
            (Some(_), None) => Self::Page,
            _ => Self::Document,
        }
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
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
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
}
