//! A second factor: asked for, used up, turned off.

use platform_testkit::{Engine, SqlValue};

use crate::authenticator::{code, wrong_code};
use crate::support::{ADA, Browser, House, PASSWORD, hidden, link};

pub(crate) const PAGE: &str = "/identity/account/second-factor";
pub(crate) const CODE: &str = "/identity/sign-in/code";

/// What a page shows as code: keys, addresses, recovery codes.
pub(crate) fn shown(page: &str) -> Vec<String> {
    page.split("<code>").skip(1).map(|part| part.split("</code>").next().unwrap().to_owned()).collect()
}

/// Sets a second factor up; gives the key and the recovery codes.
pub(crate) async fn turned_on(browser: &mut Browser) -> (String, Vec<String>) {
    let page = browser.get(PAGE).await.expect(200).text();
    let password = [("current_password", PASSWORD)];
    let secret = browser.submit_shown(&page, &format!("{PAGE}/set-up"), &password).await.expect(200).text();
    let key = shown(&secret)[0].clone();
    let first = code(&key, 0);
    let confirmed = browser.submit_shown(&secret, &format!("{PAGE}/confirm"), &[("code", &first)]).await;
    (key, shown(&confirmed.expect(200).text()))
}

/// As if time had passed: what was accepted may be accepted again.
pub(crate) async fn later(house: &House) {
    house.database.sql().await.execute("UPDATE second_factors SET last_step = 0", &[]).await;
}

pub(crate) async fn count(house: &House, table: &str) -> i64 {
    house.database.sql().await.number(&format!("SELECT {{count}} FROM {table}"), &[]).await
}

/// A browser in which the password was given, and the second factor is asked for.
pub(crate) async fn half_signed_in(house: &House, email: &str) -> Browser {
    let mut browser = house.browser();
    let answer = browser.sign_in(email, PASSWORD).await.expect(303);
    assert_eq!(answer.header("location"), Some(CODE));
    assert!(!browser.is_signed_in().await, "the password alone lets in");
    browser
}

pub(crate) async fn a_code_works_once_and_for_its_own_account_only(engine: Engine) {
    let house = House::open(engine).await;
    let (key, _) = turned_on(&mut house.signed_up(ADA).await).await;
    let (other, _) = turned_on(&mut house.signed_up("eve@example.com").await).await;
    later(&house).await;
    // Two browsers send the same code at the same moment.
    let (mut one, mut two) = (half_signed_in(&house, ADA).await, half_signed_in(&house, ADA).await);
    let (first, second) = (one.get(CODE).await.text(), two.get(CODE).await.text());
    let next = code(&key, 1);
    let given = [("code", next.as_str())];
    let (a, b) =
        tokio::join!(one.submit_shown(&first, CODE, &given), two.submit_shown(&second, CODE, &given));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422], "both at once: one of them");
    assert!(one.is_signed_in().await != two.is_signed_in().await);
    // Afterwards nobody, nor does an older one that was not used.
    let mut browser = half_signed_in(&house, ADA).await;
    for replayed in [next.clone(), code(&key, 0)] {
        browser.submit(CODE, &[("code", &replayed)]).await.assert_status(422);
    }
    browser.submit(CODE, &[("code", &code(&other, 1))]).await.assert_status(422);
    assert!(!browser.is_signed_in().await);
    later(&house).await;
    browser.submit(CODE, &[("code", &code(&key, 1))]).await.assert_status(303);

    // A secret that somebody moves to another account in the database opens nothing there.
    later(&house).await;
    let mut sql = house.database.sql().await;
    let find = "SELECT id FROM accounts WHERE email_key = {1}";
    let (ada, eve) = (
        sql.id(find, &[SqlValue::Text(ADA)]).await,
        sql.id(find, &[SqlValue::Text("eve@example.com")]).await,
    );
    let moved =
        "UPDATE second_factors SET secret = (SELECT o.secret FROM second_factors o WHERE o.account_id = {1})
                 WHERE account_id = {2}";
    sql.execute(moved, &[SqlValue::Id(ada), SqlValue::Id(eve)]).await;
    let mut browser = half_signed_in(&house, "eve@example.com").await;
    browser.submit(CODE, &[("code", &code(&key, 1))]).await.assert_status(503);
    assert!(!browser.is_signed_in().await);
}

pub(crate) async fn wrong_codes_make_whoever_sends_them_wait_but_not_a_known_browser(engine: Engine) {
    let settings = [("SIGN_IN_FREE_FAILURES", "3"), ("SIGN_IN_FIRST_DELAY_SECONDS", "600")];
    let house = House::with(engine, &settings).await;
    let mut owner = house.signed_up(ADA).await;
    // Who had just the password before it was turned on has known browsers, as many as they want.
    let mut attacker = house.browser();
    attacker.sign_in(ADA, PASSWORD).await.assert_status(303);
    assert!(attacker.cookie("id-device").is_some());
    let (key, _) = turned_on(&mut owner).await;
    let wrong = wrong_code(&key);
    attacker.sign_in(ADA, PASSWORD).await.assert_status(303);
    for _ in 0..4 {
        attacker.submit(CODE, &[("code", &wrong)]).await.assert_status(422);
    }
    let answer = attacker.submit(CODE, &[("code", &code(&key, 1))]).await.expect(429);
    assert!(answer.header("retry-after").is_some() && answer.text().contains("too many attempts"));
    // Giving the password again gives no more tries.
    let mut again = half_signed_in(&house, ADA).await;
    again.submit(CODE, &[("code", &code(&key, 1))]).await.assert_status(429);
    owner.forget_cookie("id");
    owner.sign_in(ADA, PASSWORD).await.assert_status(303);
    owner.submit(CODE, &[("code", &code(&key, 1))]).await.assert_status(303);
    assert!(owner.is_signed_in().await && !attacker.is_signed_in().await);

    // On one's own page codes are counted, too.
    let page = owner.get(PAGE).await.text();
    let off = [("current_password", PASSWORD), ("code", wrong.as_str())];
    for _ in 0..4 {
        owner.submit_shown(&page, &format!("{PAGE}/off"), &off).await.assert_status(422);
    }
    owner.submit_shown(&page, &format!("{PAGE}/off"), &off).await.assert_status(429);
}

pub(crate) async fn the_step_after_the_password_belongs_to_one_browser_and_ends(engine: Engine) {
    let house = House::with(engine, &[("SIGN_IN_FREE_FAILURES", "1000")]).await;
    let mut owner = house.signed_up(ADA).await;
    let (key, _) = turned_on(&mut owner).await;
    let back = Some("/identity/sign-in?notice=again");
    // Somebody else's browser has no step, nor by the cookie of this one.
    let mut browser = half_signed_in(&house, ADA).await;
    let mut thief = house.browser();
    thief.get("/identity/sign-in").await.assert_status(200);
    assert_eq!(thief.get(CODE).await.expect(303).header("location"), back);
    let sign_in = thief.get("/identity/sign-in?notice=again").await.expect(200).text();
    assert!(sign_in.contains("Please sign in again"), "{sign_in}");
    for planted in [browser.cookie("id-step").unwrap().to_owned(), "A".repeat(43), "x".to_owned()] {
        thief.set_cookie("id-step", &planted);
        let answer = thief.submit_shown(&sign_in, CODE, &[("code", &code(&key, 1))]).await.expect(303);
        assert_eq!(answer.header("location"), back);
        assert!(!thief.is_signed_in().await && thief.cookie("id-step").is_none());
    }
    // It works for its own browser all the same, and once.
    later(&house).await;
    let copy = browser.clone();
    let page = browser.get(CODE).await.expect(200).text();
    browser.submit_shown(&page, CODE, &[("code", &code(&key, 1))]).await.assert_status(303);
    later(&house).await;
    let used = copy.clone().submit_shown(&page, CODE, &[("code", &code(&key, 1))]).await.expect(303);
    assert_eq!(used.header("location"), back);

    // Five wrong codes end it, time does, and so does a new password.
    let mut browser = half_signed_in(&house, ADA).await;
    for _ in 0..5 {
        browser.submit(CODE, &[("code", &wrong_code(&key))]).await.assert_status(422);
    }
    assert_eq!(browser.get(CODE).await.expect(303).header("location"), back);
    let mut browser = half_signed_in(&house, ADA).await;
    let page = browser.get(CODE).await.expect(200).text();
    house.database.sql().await.execute("UPDATE sign_in_steps SET expires_at = {now-60}", &[]).await;
    let late = browser.submit_shown(&page, CODE, &[("code", &code(&key, 1))]).await.expect(303);
    assert_eq!((late.header("location"), browser.is_signed_in().await), (back, false));
    let mut browser = half_signed_in(&house, ADA).await;
    let page = owner.get("/identity/account").await.text();
    let change = [("current_password", PASSWORD), ("new_password", "another horse battery")];
    owner.submit_shown(&page, "/identity/account/password", &change).await.assert_status(303);
    assert_eq!(browser.get(CODE).await.expect(303).header("location"), back);
    assert_eq!(count(&house, "sign_in_steps WHERE expires_at > {now}").await, 0);
}

pub(crate) async fn a_recovery_code_signs_in_once_and_new_ones_replace_it(engine: Engine) {
    let house = House::open(engine).await;
    let mut owner = house.signed_up(ADA).await;
    let (key, codes) = turned_on(&mut owner).await;
    let mut browser = half_signed_in(&house, ADA).await;
    let page = browser.get(CODE).await.text();
    assert!(page.contains(&format!("{CODE}?with=recovery-code")), "{page}");
    let page = browser.get(&format!("{CODE}?with=recovery-code")).await.expect(200).text();
    assert!(page.contains("Recovery code") && !page.contains("inputmode"), "{page}");
    // In any spelling, in the same field; at the same moment from two browsers once.
    let spelled = codes[0].to_lowercase().replace('-', " ");
    let mut other = half_signed_in(&house, ADA).await;
    let theirs = other.get(CODE).await.text();
    let given = [("code", spelled.as_str())];
    let (a, b) =
        tokio::join!(browser.submit_shown(&page, CODE, &given), other.submit_shown(&theirs, CODE, &given));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422], "both at once: one of them");
    half_signed_in(&house, ADA).await.submit(CODE, &[("code", &codes[0])]).await.assert_status(422);
    let page = owner.get(PAGE).await.text();
    assert!(page.contains("codes that are left: 9"), "{page}");
    let told = house.mail("Subject: A recovery code was used").await;
    assert!(told.contains("To: ada@") && !told.contains(&codes[0]), "{told}");

    // New ones take password and code.
    let path = format!("{PAGE}/recovery-codes");
    let fresh = code(&key, 1);
    for (password, given, wrong) in [
        ("not the password", fresh.as_str(), "recovery-codes_current_password-error"),
        (PASSWORD, "", "recovery-codes_code-error"),
        (PASSWORD, "000", "recovery-codes_code-error"),
    ] {
        let fields = [("current_password", password), ("code", given)];
        let refused = owner.submit_shown(&page, &path, &fields).await.expect(422).text();
        assert!(refused.contains(wrong), "{wrong} is missing in {refused}");
    }
    let fields = [("current_password", PASSWORD), ("code", fresh.as_str())];
    let new = shown(&owner.submit_shown(&page, &path, &fields).await.expect(200).text());
    assert!(new.len() == 10 && !new.contains(&codes[1]));
    half_signed_in(&house, ADA).await.submit(CODE, &[("code", &codes[1])]).await.assert_status(422);
    half_signed_in(&house, ADA).await.submit(CODE, &[("code", &new[9])]).await.assert_status(303);
}

pub(crate) async fn turning_it_off_takes_password_and_code_and_ends_other_sessions(engine: Engine) {
    let house = House::open(engine).await;
    let mut owner = house.signed_up(ADA).await;
    let (key, codes) = turned_on(&mut owner).await;
    let mut other = half_signed_in(&house, ADA).await;
    other.submit(CODE, &[("code", &codes[0])]).await.assert_status(303);
    let page = owner.get(PAGE).await.text();
    let path = format!("{PAGE}/off");
    for fields in [
        vec![("current_password", PASSWORD)],
        vec![("code", codes[1].as_str())],
        vec![("current_password", "not the password"), ("code", codes[1].as_str())],
        vec![("current_password", PASSWORD), ("code", codes[0].as_str())],
    ] {
        owner.submit_shown(&page, &path, &fields).await.assert_status(422);
    }
    let fields = [("current_password", PASSWORD), ("code", codes[1].as_str())];
    let off = owner.submit_shown(&page, &path, &fields).await.expect(303);
    assert_eq!(off.header("location"), Some("/identity/account?notice=second-factor-off"));
    assert!(owner.is_signed_in().await && !other.is_signed_in().await);
    house.browser().sign_in(ADA, PASSWORD).await.assert_status(303);
    assert_eq!((count(&house, "second_factors").await, count(&house, "recovery_codes").await), (0, 0));
    house.mail("Subject: Two-step sign-in is off").await;
    owner.submit_shown(&page, &path, &fields).await.assert_status(409);

    // The next one has another secret, and goes with its account.
    let (next, _) = turned_on(&mut owner).await;
    assert_ne!(next, key);
    owner.submit("/identity/account/delete", &[("current_password", PASSWORD)]).await.assert_status(303);
    assert_eq!((count(&house, "second_factors").await, count(&house, "recovery_codes").await), (0, 0));
}

pub(crate) async fn a_forgotten_password_does_not_lead_around_the_second_factor(engine: Engine) {
    let house = House::open(engine).await;
    let (key, _) = turned_on(&mut house.signed_up(ADA).await).await;
    let mut browser = house.browser();
    browser.submit("/identity/forgotten", &[("email", ADA)]).await.assert_status(303);
    let mails = house.mails(3).await;
    let reset = mails.iter().find(|mail| mail.contains("/identity/reset?token=")).unwrap();
    let shown = browser.get(&link(reset)).await.expect(200).text();
    let token = hidden(&shown, "token");
    let fields = [("token", token.as_str()), ("new_password", "another horse battery")];
    browser.submit_shown(&shown, "/identity/reset", &fields).await.assert_status(303);
    assert!(browser.cookie("id-device").is_none(), "the link alone makes a browser known for codes");
    assert!(!browser.is_signed_in().await);
    let asked = browser.sign_in(ADA, "another horse battery").await.expect(303);
    assert_eq!(asked.header("location"), Some(CODE));
    assert!(!browser.is_signed_in().await);
    browser.submit(CODE, &[("code", &code(&key, 1))]).await.assert_status(303);
}
