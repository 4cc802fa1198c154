//! Signing up.

use http::Method;
use platform_testkit::{Engine, bad_input};
use serde_json::{Value, json};

use crate::mail_server::MailServer;
use crate::support::{ADA, House, PASSWORD};

pub(crate) async fn whoever_signs_up_is_signed_in_and_sees_their_account(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    let page = browser.get("/identity/account").await.expect(200).text();
    assert!(
        page.contains(ADA) && page.contains("value=\"İzmir\"") && page.contains("This browser"),
        "{page}"
    );
    let mails = house.mails(1).await;
    assert!(
        mails[0].contains("To: ada@example.com") && mails[0].contains("Confirm your e-mail"),
        "{}",
        mails[0]
    );

    let saved = browser.submit("/identity/account", &[("name", "Ada Lovelace"), ("city", "")]).await;
    assert_eq!(saved.expect(303).header("location"), Some("/identity/account?notice=saved"));
    let page = browser.get("/identity/account?notice=saved").await.text();
    assert!(page.contains("value=\"Ada Lovelace\"") && page.contains("role=\"status\">Saved."), "{page}");
}

pub(crate) async fn a_taken_address_is_told_at_once_where_mails_reach_nobody(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    let fields = [("name", "Eve"), ("email", "ADA@Example.com"), ("new_password", PASSWORD)];
    let page = house.browser().submit("/identity/sign-up", &fields).await.expect(422).text();
    assert!(page.contains("There is an account with this e-mail"), "{page}");
    let body = json!({ "email": "ADA@example.com", "password": PASSWORD, "name": "Eve", "city": "Ankara" });
    house.api.post("/identity/v1/accounts", body).await.problem(409, "email-taken");
}

pub(crate) async fn where_mails_reach_people_a_taken_address_is_told_to_its_owner_only(engine: Engine) {
    let server = MailServer::start().await;
    let settings = server.settings();
    let house = House::with(engine, &settings).await;
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "Ada", "language": "en" });
    let first = house.api.post("/identity/v1/accounts", body.clone()).await.expect(201);
    let second = house.api.post("/identity/v1/accounts", body).await.expect(201);
    assert_eq!((&first.body, first.header("location")), (&second.body, second.header("location")));
    let mails = server.mails(2).await;
    assert!(mails.iter().any(|mail| mail.contains("/identity/verify?token=")), "{mails:?}");
    assert!(mails.iter().any(|mail| mail.contains("Subject: You have an account already")), "{mails:?}");

    // The pages say the same of both, too, and sign nobody in.
    for email in [ADA, "grace@example.com"] {
        let mut browser = house.browser();
        let fields = [("name", "Eve"), ("email", email), ("new_password", PASSWORD)];
        let answer = browser.submit("/identity/sign-up", &fields).await.expect(303);
        assert_eq!(answer.header("location"), Some("/identity/done/signed-up"));
        assert!(!browser.is_signed_in().await);
        let answer = browser.submit("/identity/forgotten", &[("email", email)]).await.expect(303);
        assert_eq!(answer.header("location"), Some("/identity/done/mail-sent"));
    }
    let unknown = house.browser().submit("/identity/forgotten", &[("email", "nobody@example.com")]).await;
    assert_eq!(unknown.expect(303).header("location"), Some("/identity/done/mail-sent"));
}

pub(crate) async fn two_sign_ups_with_one_address_at_once_make_one_account(engine: Engine) {
    let house = House::open(engine).await;
    let attempts = (0..8).map(|number| {
        let api = house.api.clone();
        let email = if number % 2 == 0 { ADA } else { "Ada@EXAMPLE.com" };
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
        tokio::spawn(async move { api.post("/identity/v1/accounts", body).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

pub(crate) async fn nobody_signs_up_where_that_is_closed(engine: Engine) {
    let house = House::with(engine, &[("SIGN_UP", "closed")]).await;
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "Ada" });
    house.api.post("/identity/v1/accounts", body).await.problem(403, "sign-up-closed");
    let mut browser = house.browser();
    browser.get("/identity/sign-up").await.assert_status(403);
    assert!(!browser.get("/identity/sign-in").await.text().contains("/identity/sign-up"));
    let page = browser.get("/identity/sign-in").await.text();
    let fields = [("name", "Ada"), ("email", ADA), ("new_password", PASSWORD)];
    browser.submit_shown(&page, "/identity/sign-up", &fields).await.assert_status(403);
}

pub(crate) async fn bodies_that_are_wrong_are_refused(engine: Engine) {
    let house = House::open(engine).await;
    let example = json!({
        "email": ADA, "password": PASSWORD, "name": "Ada", "city": "İzmir", "language": "tr",
    });
    bad_input::check_with(&house.api, Method::POST, "/identity/v1/accounts", &example).await;
    for (field, value) in [
        ("email", json!("ada")),
        ("email", json!("ada@example.com\r\nBcc: eve@example.com")),
        ("password", json!("short")),
        ("password", json!("password123")),
        ("password", json!("ada@example.com")),
        ("name", json!(" ")),
        ("name", json!("a\u{0}b")),
        ("city", json!("x".repeat(101))),
        ("language", json!("de")),
    ] {
        let mut body = example.clone();
        body[field] = value;
        let problem = house.api.post("/identity/v1/accounts", body).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
    }
    // The longest and strangest that is right.
    let body = json!({
        "email": format!("{}@{}.example", "a".repeat(64), "b".repeat(60)), "password": "ğü😀ş".repeat(32),
        "name": "😀".repeat(100), "city": "ı".repeat(100),
    });
    let answer: Value = house.api.post("/identity/v1/accounts", body.clone()).await.expect(201).json();
    assert_eq!((&answer["email"], &answer["name"]), (&body["email"], &body["name"]));
    let (email, password) = (body["email"].as_str().unwrap(), body["password"].as_str().unwrap());
    house.browser().sign_in(email, password).await.assert_status(303);
}
