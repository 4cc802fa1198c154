//! One's own account.

use platform_testkit::{Engine, secret_file};
use serde_json::json;

use crate::sign_in::eventually_signed_in;
use crate::support::{ADA, House, PASSWORD, hidden, link};

pub(crate) async fn a_new_address_takes_the_password(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    let page = browser.get("/identity/account").await.text();
    let path = "/identity/account/email";
    for password in [None, Some(""), Some("not the password")] {
        let mut fields = vec![("email", "new@example.com")];
        fields.extend(password.map(|password| ("current_password", password)));
        let refused = browser.submit_shown(&page, path, &fields).await.expect(422).text();
        for part in ["id=\"email_current_password-error\"", "value=\"new@example.com\""] {
            assert!(refused.contains(part), "{part} is missing in {refused}");
        }
        assert!(!refused.contains("id=\"current_password-error\""), "{refused}");
    }
    // The mail that is asked for now is the first one to that address.
    let fields = [("email", "new@example.com"), ("current_password", PASSWORD)];
    browser.submit_shown(&page, path, &fields).await.assert_status(303);
    assert_eq!(house.mails(2).await.iter().filter(|mail| mail.contains("To: new@")).count(), 1);
}

pub(crate) async fn a_new_password_ends_other_sessions_and_wants_the_old_one(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    let mut other = house.browser();
    other.sign_in(ADA, PASSWORD).await.assert_status(303);
    let page = browser.get("/identity/account").await.text();
    let path = "/identity/account/password";
    let wrong = [("current_password", "not the password"), ("new_password", "another horse battery")];
    browser.submit_shown(&page, path, &wrong).await.assert_status(422);
    let common = [("current_password", PASSWORD), ("new_password", "password123")];
    let refused = browser.submit_shown(&page, path, &common).await.expect(422).text();
    assert!(refused.contains("among the first that others try"), "{refused}");
    assert_eq!(hidden(&refused, "back"), "/identity/account", "choosing a language leads to a page");
    let right = [("current_password", PASSWORD), ("new_password", "another horse battery")];
    browser.submit_shown(&page, path, &right).await.assert_status(303);
    assert!(browser.is_signed_in().await && !other.is_signed_in().await);
    other.sign_in(ADA, "another horse battery").await.assert_status(303);
}

pub(crate) async fn a_deleted_account_is_gone_and_its_address_is_free(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    let mut other = house.browser();
    other.sign_in(ADA, PASSWORD).await.assert_status(303);
    let path = "/identity/account/delete";
    browser.submit(path, &[("current_password", "not the password")]).await.assert_status(422);
    let gone = browser.submit(path, &[("current_password", PASSWORD)]).await.expect(303);
    assert_eq!(gone.header("location"), Some("/identity/done/deleted"));
    assert!(!browser.is_signed_in().await && !other.is_signed_in().await);
    browser.sign_in(ADA, PASSWORD).await.assert_status(422);
    let mails = house.mails(1).await.len();
    browser.submit("/identity/forgotten", &[("email", ADA)]).await.assert_status(303);
    house.signed_up(ADA).await;
    // The mail of the new account has come, and none to reset the old one's password before it.
    let later = house.mails(mails + 1).await;
    assert!(!later.iter().any(|mail| mail.contains("/identity/reset")), "{later:?}");
}

pub(crate) async fn every_page_behind_the_sign_in_shows_how_to_sign_out(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    for path in ["/identity/account", "/identity/account/second-factor", "/identity/account/delete"] {
        let page = browser.get(path).await.expect(200).text();
        let top = page.split("</header>").next().unwrap().to_owned();
        assert!(top.contains("<form method=\"post\" action=\"/identity/sign-out\">"), "{path}: {top}");
        let mut copy = browser.clone();
        copy.submit_shown(&page, "/identity/sign-out", &[]).await.assert_status(200);
        assert!(!browser.is_signed_in().await, "{path}");
        browser.sign_in(ADA, PASSWORD).await.assert_status(303);
    }
    let strangers = house.browser().get("/identity/sign-in").await.expect(200).text();
    assert!(!strangers.contains("/identity/sign-out"), "{strangers}");
}

pub(crate) async fn a_password_is_not_made_of_what_others_know(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.browser();
    for password in ["YILMAZ-2026!", "okul okul okul 1", "Course Platform", "l0calhost-1234"] {
        let body = json!({ "email": "ayse@okul.example", "password": password, "name": "Ayşe Yılmaz" });
        let problem = house.api.post("/identity/v1/accounts", body).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/password", "{password}: {problem}");
        let fields = [("name", "Ayşe Yılmaz"), ("email", "ayse@okul.example"), ("new_password", password)];
        let page = browser.submit("/identity/sign-up", &fields).await.expect(422).text();
        assert!(
            page.contains("not made of your name, your e-mail or a word of this site"),
            "{password}: {page}"
        );
    }
    let fields = [("name", "Ayşe Yılmaz"), ("email", "ayse@okul.example"), ("new_password", PASSWORD)];
    browser.submit("/identity/sign-up", &fields).await.assert_status(303);
    let page = browser.get("/identity/account").await.text();
    let change = [("current_password", PASSWORD), ("new_password", "yilmaz-ayse-99")];
    browser.submit_shown(&page, "/identity/account/password", &change).await.assert_status(422);

    browser.submit("/identity/forgotten", &[("email", "ayse@okul.example")]).await.assert_status(303);
    let reset =
        house.mails(2).await.into_iter().find(|mail| mail.contains("/identity/reset?token=")).unwrap();
    let shown = browser.get(&link(&reset)).await.expect(200).text();
    let token = hidden(&shown, "token");
    let weak = [("token", token.as_str()), ("new_password", "ayşe-yılmaz-1")];
    browser.submit_shown(&shown, "/identity/reset", &weak).await.assert_status(422);
    let good = [("token", token.as_str()), ("new_password", "üç kuş gölgede")];
    browser.submit_shown(&shown, "/identity/reset", &good).await.assert_status(303);
}

pub(crate) async fn the_last_administrator_can_not_leave(engine: Engine) {
    let file = secret_file(r#"{"email":"root@example.com","password":"the first of them all"}"#);
    let house = House::with(engine, &[("FIRST_ADMIN_FILE", file.path().to_str().unwrap())]).await;
    let mut browser = eventually_signed_in(&house, "root@example.com", "the first of them all").await;
    let fields = [("current_password", "the first of them all")];
    let page = browser.submit("/identity/account/delete", &fields).await.expect(409).text();
    assert!(page.contains("You are the only administrator"), "{page}");
    assert!(browser.is_signed_in().await);
}
