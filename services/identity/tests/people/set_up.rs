//! Setting a second factor up: by whoever wants one, and by whoever must have one.

use std::time::Duration;

use platform_testkit::{Engine, eventually};

use crate::authenticator::{code, wrong_code};
use crate::second_factor::{CODE, PAGE, count, half_signed_in, shown, turned_on};
use crate::support::{ADA, Browser, House, PASSWORD, hidden};

pub(crate) async fn a_second_factor_counts_from_its_first_code_and_is_asked_for_from_then_on(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    let mut other = house.browser();
    other.sign_in(ADA, PASSWORD).await.assert_status(303);
    let page = browser.get(PAGE).await.expect(200).text();
    let (set_up, confirm) = (format!("{PAGE}/set-up"), format!("{PAGE}/confirm"));
    // A code before anything was begun, and a secret for nobody who has just the session.
    browser.submit_shown(&page, &confirm, &[("code", "123456")]).await.assert_status(409);
    let refused = browser.submit_shown(&page, &set_up, &[("current_password", "not the password")]).await;
    assert!(!refused.expect(422).text().contains("otpauth:"));

    let answer = browser.submit_shown(&page, &set_up, &[("current_password", PASSWORD)]).await.expect(200);
    let secret = answer.text();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
    for part in
        ["<svg class=\"qr\" role=\"img\"", "otpauth://totp/Course%20Platform:ada%40example.com?secret="]
    {
        assert!(secret.contains(part), "{part} is missing in {secret}");
    }
    assert!(!secret.contains("style=\"") && !secret.contains("<script"), "{secret}");
    let key = shown(&secret)[0].clone();
    // It is nothing yet.
    house.browser().sign_in(ADA, PASSWORD).await.assert_status(303);
    assert!(other.is_signed_in().await);
    let wrong = browser.submit_shown(&secret, &confirm, &[("code", &wrong_code(&key))]).await.expect(422);
    assert!(wrong.text().contains("id=\"code-error\"") && !wrong.text().contains(&key), "{}", wrong.text());
    assert_eq!(hidden(&wrong.text(), "back"), PAGE);

    let confirmed = browser.submit_shown(&secret, &confirm, &[("code", &code(&key, 0))]).await.expect(200);
    assert_eq!(shown(&confirmed.text()).len(), 10);
    assert!(browser.is_signed_in().await && !other.is_signed_in().await, "other sessions end");
    browser.submit_shown(&secret, &confirm, &[("code", &code(&key, 1))]).await.assert_status(409);
    let mails = house.mails(2).await;
    assert!(mails.iter().any(|mail| mail.contains("Subject: Two-step sign-in is on")), "{mails:?}");
    let page = browser.get(PAGE).await.expect(200).text();
    assert!(page.contains("codes that are left: 10") && !page.contains(&key), "{page}");

    // Whoever does not know the password learns nothing of it.
    let refused = house.browser().sign_in(ADA, "wrong password").await.expect(422).text();
    assert!(refused.contains("The e-mail or the password is wrong"), "{refused}");
    let mut browser = half_signed_in(&house, ADA).await;
    let asked = browser.get(CODE).await.expect(200).text();
    assert!(
        asked.contains("autocomplete=\"one-time-code\"") && asked.contains("inputmode=\"numeric\""),
        "{asked}"
    );
    let entered = browser.submit_shown(&asked, CODE, &[("code", &code(&key, 1))]).await.expect(303);
    assert_eq!(entered.header("location"), Some("/"));
    assert!(browser.is_signed_in().await && browser.cookie("id-step").is_none());
    assert_eq!(count(&house, "sign_in_steps").await, 0, "the step is over");
}

pub(crate) async fn a_set_up_waits_ten_minutes_and_the_newest_secret_counts(engine: Engine) {
    let house = House::open(engine).await;
    let mut owner = house.signed_up(ADA).await;
    let page = owner.get(PAGE).await.text();
    let (set_up, confirm) = (format!("{PAGE}/set-up"), format!("{PAGE}/confirm"));
    let mut keys = Vec::new();
    for _ in 0..2 {
        let secret = owner.submit_shown(&page, &set_up, &[("current_password", PASSWORD)]).await.expect(200);
        keys.push(shown(&secret.text())[0].clone());
    }
    owner.submit_shown(&page, &confirm, &[("code", &code(&keys[0], 1))]).await.assert_status(422);
    let old = "UPDATE second_factors SET created_at = {now-700}";
    house.database.sql().await.execute(old, &[]).await;
    let late = owner.submit_shown(&page, &confirm, &[("code", &code(&keys[1], 1))]).await.expect(409);
    assert!(late.text().contains(PAGE), "{}", late.text());
    house.browser().sign_in(ADA, PASSWORD).await.assert_status(303);
    house.database.sql().await.execute("UPDATE second_factors SET created_at = {now}", &[]).await;
    // Two browsers confirm at the same moment: there is one second factor, with one set of recovery codes.
    let (mut one, mut two) = (owner.clone(), owner.clone());
    let (now, next) = (code(&keys[1], 0), code(&keys[1], 1));
    let (first, second) = ([("code", now.as_str())], [("code", next.as_str())]);
    let (a, b) =
        tokio::join!(one.submit_shown(&page, &confirm, &first), two.submit_shown(&page, &confirm, &second));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", a.text(), b.text());
    assert_eq!(count(&house, "recovery_codes").await, 10);
}

pub(crate) async fn a_set_up_that_nobody_finishes_is_forgotten(engine: Engine) {
    let mut house = House::open(engine).await;
    let (mut given_up, mut waiting) = (house.signed_up(ADA).await, house.signed_up("eve@example.com").await);
    turned_on(&mut house.signed_up("bob@example.com").await).await;
    let begin = async |browser: &mut Browser| {
        let page = browser.get(PAGE).await.text();
        let password = [("current_password", PASSWORD)];
        browser.submit_shown(&page, &format!("{PAGE}/set-up"), &password).await.assert_status(200);
    };
    begin(&mut given_up).await;
    house.database.sql().await.execute("UPDATE second_factors SET created_at = {now-700}", &[]).await;
    begin(&mut waiting).await;
    assert_eq!(count(&house, "second_factors").await, 3);
    // What is over is forgotten at each start, too.
    house.restart().await;
    eventually(Duration::from_secs(10), || async { count(&house, "second_factors").await == 2 }).await;
    assert_eq!(
        count(&house, "second_factors WHERE confirmed_at IS NULL AND created_at > {now-600}").await,
        1
    );
    half_signed_in(&house, "bob@example.com").await;
}

pub(crate) async fn whoever_must_have_a_second_factor_sets_it_up_before_anything_else(engine: Engine) {
    let mut house = House::open(engine).await;
    house.signed_up(ADA).await;
    house.set("SECOND_FACTOR_REQUIRED_FOR", "everyone");
    house.restart().await;
    let mut browser = house.browser();
    let path = "/identity/sign-in?continue=/learning";
    let answer = browser.submit(path, &[("email", ADA), ("password", PASSWORD)]).await.expect(303);
    let there = "/identity/sign-in/set-up?continue=%2Flearning";
    assert_eq!(answer.header("location"), Some(there));
    assert!(!browser.is_signed_in().await);
    let page = browser.get(there).await.expect(200).text();
    let confirm = "/identity/sign-in/set-up/confirm?continue=%2Flearning";
    let early = browser.submit_shown(&page, confirm, &[("code", "123456")]).await.expect(303);
    assert_eq!(early.header("location"), Some(there));
    let secret = browser.submit_shown(&page, there, &[]).await.expect(200).text();
    let key = shown(&secret)[0].clone();
    browser.submit_shown(&secret, confirm, &[("code", &wrong_code(&key))]).await.assert_status(422);
    // Whoever has none can't guess at one either.
    browser.submit_shown(&page, CODE, &[("code", &code(&key, 0))]).await.assert_status(422);
    assert!(!browser.is_signed_in().await);
    let codes = browser.submit_shown(&secret, confirm, &[("code", &code(&key, 0))]).await.expect(200).text();
    assert!(shown(&codes).len() == 10 && codes.contains("href=\"/learning\""), "{codes}");
    assert!(browser.is_signed_in().await && browser.cookie("id-step").is_none());
    assert_eq!(count(&house, "sign_in_steps").await, 0, "the step is over");
    half_signed_in(&house, ADA).await.submit(CODE, &[("code", &code(&key, 1))]).await.assert_status(303);

    // Signing up leads there, too.
    let mut new = house.browser();
    let fields = [("name", "Eve"), ("email", "eve@example.com"), ("new_password", PASSWORD)];
    let answer = new.submit("/identity/sign-up", &fields).await.expect(303);
    assert_eq!(answer.header("location"), Some("/identity/sign-in/set-up"));
    assert!(!new.is_signed_in().await);
}
