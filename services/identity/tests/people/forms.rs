//! What every page and every form has in common.

use http::Method;
use platform_testkit::Engine;

use crate::support::{ADA, House, ORIGIN, PASSWORD, encode, hidden};

/// Every page with a form that needs nobody signed in, and what a person would send there.
const FORMS: [(&str, &[(&str, &str)]); 4] = [
    ("/identity/sign-in", &[("email", ADA), ("password", "wrong password")]),
    ("/identity/sign-up", &[("name", "Ada"), ("email", ADA), ("city", ""), ("new_password", PASSWORD)]),
    ("/identity/forgotten", &[("email", ADA)]),
    ("/identity/language", &[("language", "tr"), ("back", "/identity/sign-in")]),
];

pub(crate) async fn what_is_wrong_with_a_form_is_said_at_the_field_and_nothing_typed_is_lost(engine: Engine) {
    let house = House::open(engine).await;
    let fields = [("name", ""), ("email", "<b>ada"), ("city", "İzmir"), ("new_password", "short")];
    let page = house.browser().submit("/identity/sign-up", &fields).await.expect(422).text();
    for part in [
        "<title>Error: Create an account",
        "role=\"alert\"",
        "<a href=\"#name\">Enter your name</a>",
        "<a href=\"#new_password\">Choose a password of at least 10 characters</a>",
        "id=\"email-error\"",
        "aria-describedby=\"new_password-hint new_password-error\"",
        "value=\"İzmir\"",
        "autocomplete=\"new-password\"",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(!page.contains("<b>ada") && !page.contains("\"short\""), "{page}");
    let page = house.browser().sign_in("", "").await.expect(422).text();
    assert!(page.contains("Enter your e-mail") && page.contains("Enter your password"), "{page}");
}

pub(crate) async fn a_form_from_elsewhere_is_refused(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    for (path, fields) in FORMS {
        let mut browser = house.browser();
        let shown = browser.get("/identity/sign-in").await.text();
        let csrf = hidden(&shown, "csrf");
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        let body = encode(&all);
        let form = Some("application/x-www-form-urlencoded");
        for origin in ["https://evil.example", "null", "http://localhost:8081", "http://localhost"] {
            let client = browser.client().with("origin", origin);
            client.send(Method::POST, path, form, body.clone()).await.assert_status(403);
        }
        let cross = browser.client().with("sec-fetch-site", "cross-site");
        cross.send(Method::POST, path, form, body.clone()).await.assert_status(403);
        // Without the field, with another browser's, and from a browser without the cookie.
        browser.send(path, &encode(fields)).await.assert_status(403);
        let mut stranger = house.browser();
        let theirs = hidden(&stranger.get("/identity/sign-in").await.text(), "csrf");
        let mut with_theirs = vec![("csrf", theirs.as_str())];
        with_theirs.extend(fields);
        browser.send(path, &encode(&with_theirs)).await.assert_status(403);
        house.browser().send(path, &body).await.assert_status(403);
    }
    let mails = house.mails(1).await;
    assert_eq!(mails.len(), 1, "a refused form has sent a mail");
}

/// Every form for somebody who is signed in, or on the way, and where others are sent.
const OWN_FORMS: [(&str, &str); 14] = [
    ("/identity/account", SIGN_IN),
    ("/identity/account/password", SIGN_IN),
    ("/identity/account/email", SIGN_IN),
    ("/identity/account/verification", SIGN_IN),
    ("/identity/account/sessions", SIGN_IN),
    ("/identity/account/applications", SIGN_IN),
    ("/identity/account/second-factor/set-up", SIGN_IN),
    ("/identity/account/second-factor/confirm", SIGN_IN),
    ("/identity/account/second-factor/recovery-codes", SIGN_IN),
    ("/identity/account/second-factor/off", SIGN_IN),
    ("/identity/account/delete", SIGN_IN),
    ("/identity/sign-in/code", AGAIN),
    ("/identity/sign-in/set-up", AGAIN),
    ("/identity/sign-in/set-up/confirm", AGAIN),
];
const SIGN_IN: &str = "/identity/sign-in?continue=%2Fidentity%2Faccount";
const AGAIN: &str = "/identity/sign-in?notice=again";

pub(crate) async fn a_forged_form_is_refused_before_anybody_asks_whose_it_is(engine: Engine) {
    let house = House::open(engine).await;
    let mut owner = house.signed_up(ADA).await;
    let mut stranger = house.browser();
    let shown = stranger.get("/identity/sign-in").await.expect(200).text();
    for (path, asked) in OWN_FORMS {
        for browser in [&mut owner, &mut stranger] {
            let refused = browser.send(path, "").await.expect(403).text();
            assert!(refused.contains("This form is too old"), "{path}: {refused}");
        }
        let answer = stranger.submit_shown(&shown, path, &[]).await.expect(303);
        assert_eq!(answer.header("location"), Some(asked), "{path}");
    }
    assert!(owner.is_signed_in().await);
}

pub(crate) async fn forms_that_no_browser_would_send_are_refused_with_a_page(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    for (path, fields) in FORMS {
        let mut browser = house.browser();
        let csrf = hidden(&browser.get("/identity/sign-in").await.text(), "csrf");
        let client = browser.client().with("origin", ORIGIN);
        let form = Some("application/x-www-form-urlencoded");
        let whole = encode(&[&[("csrf", csrf.as_str())], fields].concat());
        for kind in
            [None, Some("application/json"), Some("multipart/form-data; boundary=x"), Some("text/plain")]
        {
            client.send(Method::POST, path, kind, whole.clone()).await.assert_status(415);
        }
        for (name, _) in fields {
            let repeated = format!("{whole}&{name}=x");
            let not_text = format!("{}&{name}=%ff%fe", encode(&[("csrf", csrf.as_str())]));
            let raw = [format!("csrf={csrf}&{name}=").into_bytes(), vec![0xff, 0x00]].concat();
            for body in [repeated.into_bytes(), not_text.into_bytes(), raw] {
                let answer = client.send(Method::POST, path, form, body).await;
                assert_eq!(answer.status, 400, "{path} {name}: {}", answer.text());
            }
            let long = encode(&[("csrf", csrf.as_str()), (name, &"x".repeat(100_000))]);
            client.send(Method::POST, path, form, long).await.assert_status(413);
            let rest: Vec<_> = fields.iter().filter(|(other, _)| other != name).copied().collect();
            let missing = encode(&[&[("csrf", csrf.as_str())], rest.as_slice()].concat());
            let answer = client.send(Method::POST, path, form, missing).await;
            assert!(!answer.status.is_server_error(), "{path} without {name}: {}", answer.text());
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            client.send(method, path, form, whole.clone()).await.problem(405, "method-not-allowed");
        }
    }
}

pub(crate) async fn a_password_is_hidden_while_it_is_typed_and_may_be_pasted_or_filled_in(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    for (path, name, filled_in) in [
        ("/identity/sign-in", "password", "current-password"),
        ("/identity/sign-up", "new_password", "new-password"),
        ("/identity/account", "current_password", "current-password"),
        ("/identity/account", "new_password", "new-password"),
        ("/identity/account/second-factor", "current_password", "current-password"),
        ("/identity/account/delete", "current_password", "current-password"),
    ] {
        let page = browser.get(path).await.expect(200).text();
        let field = format!("name=\"{name}\" type=\"password\" autocomplete=\"{filled_in}\" value=\"\"");
        assert!(page.contains(&field), "{path}: {page}");
        for hindrance in ["<script", "onpaste", "maxlength", "readonly", "autocomplete=\"off\""] {
            assert!(!page.contains(hindrance), "{path}: {hindrance}");
        }
    }
}

pub(crate) async fn pages_come_in_two_languages_and_with_headers_that_protect(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.browser();
    let answer = browser.get("/identity/sign-in?continue=/learning").await;
    let page = answer.text();
    assert!(page.contains("<html lang=\"en\">") && page.contains("<title>Sign in – Course Platform</title>"));
    assert!(!page.contains("<script") && !page.contains("style=\""), "{page}");
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "form-action 'self';", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    let style = page.split("stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let style = browser.get(style).await.expect(200);
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    browser.get("/identity/assets/identity-0000.css").await.assert_status(404);

    let back = hidden(&page, "back");
    assert_eq!(back, "/identity/sign-in?continue=/learning");
    let fields = [("language", "tr"), ("back", back.as_str())];
    let chosen = browser.submit_shown(&page, "/identity/language", &fields).await.expect(303);
    assert_eq!(chosen.header("location"), Some(back.as_str()));
    let page = browser.get(&back).await.text();
    assert!(page.contains("<html lang=\"tr\">") && page.contains("Giriş yap"), "{page}");
    assert!(browser.get("/identity/sign-up?lang=en").await.text().contains("<html lang=\"en\">"));
    house.browser().get("/identity/done/nothing").await.assert_status(404);
}

pub(crate) async fn where_there_is_nothing_people_get_a_page_and_programs_a_problem(engine: Engine) {
    let house = House::open(engine).await;
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let mut browser = house.browser();
    browser.api = browser.api.with("accept", accept);
    for path in
        ["/identity", "/identity/", "/identity/nothing", "/identity/v1/nothing", "/identity/sign-in/x"]
    {
        let answer = browser.get(path).await.expect(404);
        assert!(answer.text().contains("<h1>There is nothing here</h1>"), "{path}: {}", answer.text());
        assert_eq!(answer.header("content-language"), Some("en"), "{path}");
        house.api.get(path).await.problem(404, "not-found");
        house.api.with("accept", "*/*").delete(path).await.problem(404, "not-found");
    }
    // What is there but not to be had in this way is told to everybody alike.
    browser.client().delete("/identity/sign-in").await.problem(405, "method-not-allowed");
}
