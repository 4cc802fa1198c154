//! How a client hears of the outcome of an authorization request.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_testkit::{Answer, Engine};
use serde_json::Value;

use crate::support::{ISSUER, Provider, WEB, fields, form, location, parameter, refused};

const FORM_POST: (&str, &str) = ("response_mode", "form_post");

/// The fields of the form that the browser sends to the client.
#[track_caller]
fn handed_over(answer: &Answer, to: &str) -> Vec<(String, String)> {
    answer.assert_status(200);
    let page = answer.text();
    assert!(page.contains(&format!("<form id=\"on\" method=\"post\" action=\"{to}\">")), "{page}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("origin"));
    // The policy lets this one script run, and the form go to the client and to us.
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = STANDARD.encode(digest(&SHA256, script.as_bytes()).as_ref());
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains(&format!("default-src 'none'; script-src 'sha256-{hash}';")), "{policy}");
    let origin = url::Url::parse(to).unwrap().origin().ascii_serialization();
    assert!(policy.contains(&format!("form-action 'self' {origin};")), "{policy}");
    // Without scripts there is a button.
    assert!(page.contains("<button class=\"button primary\">"), "{page}");
    fields(&page)
}

fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
}

pub(crate) async fn a_response_goes_in_a_form_where_that_is_asked_for(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let state = "\"><script>alert(1)</script>&'";
    let answer = person.authorize(&[FORM_POST, ("state", state), ("nonce", "n")]).await;
    let fields = handed_over(&answer, WEB);
    assert_eq!(field(&fields, "state").as_deref(), Some(state));
    assert_eq!(field(&fields, "iss").as_deref(), Some(ISSUER), "RFC 9207");
    provider.redeem("web", &field(&fields, "code").unwrap(), WEB).await.assert_status(200);

    // Errors go the same way, and the wish outlasts signing in.
    let wrong = person.authorize(&[FORM_POST, ("scope", "basket.sys.read")]).await;
    let fields = handed_over(&wrong, WEB);
    assert_eq!(field(&fields, "error").as_deref(), Some("invalid_scope"));
    assert_eq!(field(&fields, "state").as_deref(), Some("some state"));
    assert!(field(&fields, "code").is_none());
    let nobody = provider.api.get(&crate::support::address(&[FORM_POST])).await;
    let back = parameter(&nobody, "continue").unwrap();
    assert!(back.contains("response_mode=form_post"), "{back}");

    // Nobody sends a form to an app, and there are no other ways.
    let app = [("client_id", "mobile"), ("redirect_uri", "app://cb"), FORM_POST];
    let told = person.authorize(&app).await;
    assert!(location(&told).starts_with("app://cb?error=invalid_request"), "{}", location(&told));
    for mode in ["fragment", "query.jwt", "FORM_POST", "form_post query"] {
        let told = person.authorize(&[("response_mode", mode)]).await;
        assert_eq!(parameter(&told, "error").as_deref(), Some("invalid_request"), "{mode}");
    }
    person.authorize(&[FORM_POST, ("redirect_uri", "https://evil.example/")]).await.assert_status(400);
    let openid: Value =
        provider.api.get("/identity/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(openid["response_modes_supported"], serde_json::json!(["query", "form_post"]));
}

pub(crate) async fn consent_leads_to_a_form_too(engine: Engine) {
    const PARTNER: &str = "https://partner.example/cb?from=shop";
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let partner = [("client_id", "partner"), ("redirect_uri", PARTNER), FORM_POST];
    for (decision, outcome) in [("deny", "error"), ("allow", "code")] {
        let page = person.authorize(&partner).await.expect(200);
        let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let browser = provider.api.with("cookie", &format!("id={}; {cookie}", person.cookie));
        let hidden = fields(&page.text());
        let mut pairs: Vec<_> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.push(("decision", decision));
        let answer = form(&browser, "/identity/consent", &pairs).await;
        let value = field(&handed_over(&answer, PARTNER), outcome).unwrap();
        if outcome == "code" {
            refused(&provider.redeem("web", &value, PARTNER).await, 400, "invalid_grant");
            provider.redeem("partner", &value, PARTNER).await.assert_status(200);
        }
    }
}
