//! What is wrong with a request, and who is told.

use super::*;

const FILE: &str = r#"{"version":1,"scopes":[
    {"name":"openid","audience":"identity","subject":"user","thirdParty":true},
    {"name":"order.buy","audience":"order","subject":"user"},
    {"name":"basket.sys.read","audience":"basket","subject":"service"}],
  "clients":[{"id":"app","type":"public","grants":["authorization_code"],
    "redirectUris":["https://app.example/cb"],"scopes":["openid"]}]}"#;
const GOOD: &str = "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=x";

/// The error's code, `page` for a page, or nothing.
fn outcome(query: &str) -> &'static str {
    let registry = Registry::new(serde_json::from_str(FILE).unwrap()).unwrap();
    match read(&registry, &Parameters::parse(query.as_bytes()).unwrap()) {
        Ok(_) => "",
        Err(Refusal::Page(_)) => "page",
        Err(Refusal::Client { code, .. }) => code,
    }
}

#[test]
fn a_request_without_fault_is_read_and_unknown_things_are_ignored() {
    for more in [
        "",
        "&claims=%7B%7D&acr_values=a&ui_locales=tr&display=page&login_hint=x&foo=bar",
        "&nonce=n",
        "&prompt=none",
        "&prompt=login+consent",
        "&max_age=0",
        "&response_mode=query",
        "&response_mode=form_post",
        "&prompt=&max_age=",
    ] {
        assert_eq!(outcome(&format!("{GOOD}{more}")), "", "{more}");
    }
    assert_eq!(outcome(&GOOD.replace("scope=openid", "scope=openid+unheard.of")), "");
}

#[test]
fn without_client_and_address_nobody_is_told() {
    for (from, to) in [
        ("client_id=app", ""),
        ("client_id=app", "client_id=other"),
        ("client_id=app", "client_id=app&client_id=app"),
        ("redirect_uri=", "other="),
        ("redirect_uri=", "redirect_uri=https%3A%2F%2Fapp.example%2Fcb&redirect_uri="),
        ("app.example%2Fcb", "app.example%2Fcb%2F"),
        ("app.example%2Fcb", "app.example%2FCB"),
        ("app.example%2Fcb", "App.example%2Fcb"),
        ("app.example%2Fcb", "app.example%3A8443%2Fcb"),
        ("app.example%2Fcb", "app.example%2Fcb%23"),
        ("app.example%2Fcb", "app.example%2Fcb%3Fa"),
        ("app.example%2Fcb", "me%40app.example%2Fcb"),
        ("app.example%2Fcb", "app.example%2Fx%2F..%2Fcb"),
        ("app.example%2Fcb", "app.example.evil.example%2Fcb"),
        ("https%3A", "http%3A"),
    ] {
        assert_eq!(outcome(&GOOD.replacen(from, to, 1)), "page", "{to}");
    }
}

#[test]
fn whatever_else_is_wrong_the_client_is_told() {
    for (from, to, code) in [
        ("response_type=code", "", "invalid_request"),
        ("response_type=code", "response_type=token", "unsupported_response_type"),
        ("response_type=code", "response_type=code+id_token", "unsupported_response_type"),
        ("response_type=code", "response_type=code&response_type=code", "invalid_request"),
        ("scope=openid", "", "invalid_scope"),
        ("scope=openid", "scope=", "invalid_scope"),
        ("scope=openid", "scope=order.buy", "invalid_scope"),
        ("scope=openid", "scope=basket.sys.read", "invalid_scope"),
        ("scope=openid", "scope=a%22b", "invalid_scope"),
        ("scope=openid", "scope=unheard.of", "invalid_scope"),
        ("code_challenge_method=S256", "", "invalid_request"),
        ("code_challenge_method=S256", "code_challenge_method=plain", "invalid_request"),
        ("code_challenge=E9", "x=E9", "invalid_request"),
        ("code_challenge=E9", "code_challenge=E", "invalid_request"),
        ("code_challenge=E9", "code_challenge=%2B9", "invalid_request"),
        ("state=x", "state=x&state=x", "invalid_request"),
        ("state=x", "max_age=-1", "invalid_request"),
        ("state=x", "max_age=%2B1", "invalid_request"),
        ("state=x", "max_age=99999999999999999999", "invalid_request"),
        ("state=x", "prompt=none+login", "invalid_request"),
        ("state=x", "prompt=create", "invalid_request"),
        ("state=x", "response_mode=fragment", "invalid_request"),
        ("state=x", "nonce=a%00b", "invalid_request"),
        ("state=x", "request=x", "request_not_supported"),
        ("state=x", "request_uri=x", "request_uri_not_supported"),
        ("state=x", "registration=x", "registration_not_supported"),
    ] {
        assert_eq!(outcome(&GOOD.replacen(from, to, 1)), code, "{to}");
    }
    for name in ["state", "nonce"] {
        assert_eq!(
            outcome(&format!("{}&{name}={}", GOOD.replace("&state=x", ""), "a".repeat(3000))),
            "invalid_request"
        );
    }
}
