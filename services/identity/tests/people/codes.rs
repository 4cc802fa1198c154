//! What people and programs send in place of a code.

use http::Method;
use platform_testkit::Engine;

use crate::authenticator::code;
use crate::second_factor::{CODE, PAGE, half_signed_in, turned_on};
use crate::support::{ADA, House, ORIGIN, PASSWORD, encode, hidden};

pub(crate) async fn what_is_no_code_is_refused_and_costs_no_try(engine: Engine) {
    let house = House::open(engine).await;
    let mut owner = house.signed_up(ADA).await;
    let (key, _) = turned_on(&mut owner).await;
    let mut browser = half_signed_in(&house, ADA).await;
    let page = browser.get(CODE).await.expect(200).text();
    let long = "1".repeat(60_000);
    for text in
        ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "٠١٢٣٤٥", "12 45", "-12345", "<b>", &long]
    {
        let refused = browser.submit_shown(&page, CODE, &[("code", text)]).await.expect(422).text();
        assert!(refused.contains("id=\"code-error\"") && refused.contains("value=\"\""), "{text}: {refused}");
    }
    browser.submit_shown(&page, CODE, &[]).await.assert_status(422);
    let csrf = hidden(&page, "csrf");
    let client = browser.client().with("origin", ORIGIN);
    let form = Some("application/x-www-form-urlencoded");
    let owners = owner.client().with("origin", ORIGIN);
    let theirs = hidden(&owner.get(PAGE).await.text(), "csrf");
    let (off, new) = (format!("{PAGE}/off"), format!("{PAGE}/recovery-codes"));
    let (set_up, confirm) = (format!("{PAGE}/set-up"), format!("{PAGE}/confirm"));
    for (client, path, csrf) in [
        (&client, CODE, &csrf),
        (&owners, off.as_str(), &theirs),
        (&owners, new.as_str(), &theirs),
        (&owners, set_up.as_str(), &theirs),
        (&owners, confirm.as_str(), &theirs),
    ] {
        let with = |rest: &str| format!("csrf={csrf}&current_password={}&{rest}", PASSWORD.replace(' ', "+"));
        for rest in ["code=123456&code=123456", "code=%ff%fe", "code=1%00"] {
            client.send(Method::POST, path, form, with(rest)).await.assert_status(400);
        }
        let raw = [with("code=").into_bytes(), vec![0xff, 0x00]].concat();
        client.send(Method::POST, path, form, raw).await.assert_status(400);
        let large = with(&encode(&[("code", &"1".repeat(100_000))]));
        client.send(Method::POST, path, form, large).await.assert_status(413);
        client.send(Method::POST, path, Some("application/json"), "{}").await.assert_status(415);
        client.send(Method::POST, path, form, "code=123456").await.assert_status(403);
        client.send(Method::PUT, path, form, with("code=123456")).await.problem(405, "method-not-allowed");
    }
    // Nothing of that was a try.
    browser.submit_shown(&page, CODE, &[("code", &code(&key, 1))]).await.assert_status(303);
    // Nobody is signed in or has given a password: every page leads to where one does.
    let mut nobody = house.browser();
    for path in [PAGE, CODE, "/identity/sign-in/set-up"] {
        let answer = nobody.get(path).await.expect(303);
        assert!(answer.header("location").unwrap().starts_with("/identity/sign-in?"), "{path}");
    }
}
