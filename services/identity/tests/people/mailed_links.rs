//! Links that were mailed: to reset a password, to verify an address and to change it.

use platform_testkit::Engine;

use crate::support::{ADA, Browser, House, PASSWORD, encode, hidden, link};

pub(crate) async fn a_link_to_reset_the_password_works_once_and_looking_does_not_spend_it(engine: Engine) {
    let house = House::open(engine).await;
    let mut signed_in = house.signed_up(ADA).await;
    let mut browser = house.browser();
    browser.submit("/identity/forgotten", &[("email", ADA)]).await.assert_status(303);
    let mails = house.mails(2).await;
    let mail = mails.iter().find(|mail| mail.contains("/identity/reset?token=")).unwrap();
    let page = link(mail);
    for _ in 0..3 {
        browser.get(&page).await.assert_status(200);
    }
    let shown = browser.get(&page).await.text();
    let token = hidden(&shown, "token");
    let weak = [("token", token.as_str()), ("new_password", "ada")];
    let again = browser.submit_shown(&shown, "/identity/reset", &weak).await.expect(422).text();
    assert_eq!(hidden(&again, "token"), token, "what is not acceptable does not spend the link");
    assert_eq!(hidden(&again, "back"), page);

    let fields = [("token", token.as_str()), ("new_password", "another horse battery")];
    let (mut one, mut two) = (browser.clone(), browser.clone());
    let (first, second) = tokio::join!(
        one.submit_shown(&shown, "/identity/reset", &fields),
        two.submit_shown(&shown, "/identity/reset", &fields)
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404], "both at once: one of them");
    browser.submit_shown(&shown, "/identity/reset", &fields).await.assert_status(404);
    browser.get(&page).await.assert_status(404);

    assert!(!signed_in.is_signed_in().await, "a session outlives the reset");
    browser.sign_in(ADA, PASSWORD).await.assert_status(422);
    browser.sign_in(ADA, "another horse battery").await.assert_status(303);
    let mails = house.mails(3).await;
    assert!(mails.iter().any(|mail| mail.contains("Your password is changed")), "{mails:?}");
    for token in ["", "x", &"a".repeat(43), &"ğ".repeat(43)] {
        let path = format!("/identity/reset?{}", encode(&[("token", token)]));
        house.browser().get(&path).await.assert_status(404);
    }
}

pub(crate) async fn an_address_is_verified_by_a_button_and_not_by_a_look(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    let page = link(&house.mails(1).await[0]);
    house.browser().get(&page).await.assert_status(200);
    assert!(browser.get("/identity/account").await.text().contains("Not confirmed"));
    // From any browser, signed in or not.
    let mut other = house.browser();
    let shown = other.get(&page).await.text();
    let token = hidden(&shown, "token");
    let done = other.submit_shown(&shown, "/identity/verify", &[("token", &token)]).await.expect(303);
    assert_eq!(done.header("location"), Some("/identity/done/verified"));
    assert!(other.get("/identity/done/verified").await.text().contains("Your e-mail is confirmed"));
    assert!(!browser.get("/identity/account").await.text().contains("Not confirmed"));
    other.submit_shown(&shown, "/identity/verify", &[("token", &token)]).await.assert_status(404);
    // A link for one thing is none for another.
    other
        .submit_shown(&shown, "/identity/reset", &[("token", &token), ("new_password", PASSWORD)])
        .await
        .assert_status(404);
}

pub(crate) async fn a_new_address_counts_from_when_its_mail_was_answered(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    house.signed_up("taken@example.com").await;
    let page = browser.get("/identity/account").await.text();
    for email in ["new@example.com", "taken@example.com"] {
        let fields = [("email", email), ("current_password", PASSWORD)];
        let answer = browser.submit_shown(&page, "/identity/account/email", &fields).await.expect(303);
        assert_eq!(answer.header("location"), Some("/identity/account?notice=mail-sent"));
    }
    let mails = house.mails(4).await;
    let mail = mails.iter().find(|mail| mail.contains("To: new@example.com")).unwrap();
    assert!(!mails.iter().any(|it| it.contains("To: taken@") && it.contains("change-email")), "{mails:?}");
    browser.sign_in(ADA, PASSWORD).await.assert_status(303);

    let page = link(mail);
    let shown = browser.get(&page).await.expect(200).text();
    let token = hidden(&shown, "token");
    browser.submit_shown(&shown, "/identity/change-email", &[("token", &token)]).await.assert_status(303);
    browser.submit_shown(&shown, "/identity/change-email", &[("token", &token)]).await.assert_status(404);
    house.browser().sign_in(ADA, PASSWORD).await.assert_status(422);
    house.browser().sign_in("new@example.com", PASSWORD).await.assert_status(303);
    let mails = house.mails(5).await;
    assert!(
        mails.iter().any(|it| it.contains("To: ada@") && it.contains("Your e-mail is changed")),
        "{mails:?}"
    );
}

pub(crate) async fn mailed_links_end_with_what_they_were_asked_in(engine: Engine) {
    let house = House::open(engine).await;
    // Somebody signs up with another's address and asks for one of their own.
    let mut attacker = house.signed_up(ADA).await;
    let page = attacker.get("/identity/account").await.text();
    let fields = [("email", "eve@example.com"), ("current_password", PASSWORD)];
    attacker.submit_shown(&page, "/identity/account/email", &fields).await.assert_status(303);
    let to_eve = house.mails(2).await.into_iter().find(|mail| mail.contains("To: eve@")).unwrap();
    // Whose address it is asks twice for a new password, and uses one of the links.
    let mut owner = house.browser();
    for count in [3, 4] {
        owner.submit("/identity/forgotten", &[("email", ADA)]).await.assert_status(303);
        house.mails(count).await;
    }
    let mails = house.mails(4).await;
    let resets = mails.iter().filter(|mail| mail.contains("/identity/reset?token="));
    let resets: Vec<_> = resets.map(|mail| link(mail)).collect();
    let reset = async |browser: &mut Browser, shown: &str, password: &str| {
        let token = hidden(shown, "token");
        browser.submit_shown(shown, "/identity/reset", &[("token", &token), ("new_password", password)]).await
    };
    let (used, other) = (owner.get(&resets[0]).await.text(), owner.get(&resets[1]).await.expect(200).text());
    let change = attacker.get(&link(&to_eve)).await.expect(200).text();
    reset(&mut owner, &used, "another horse battery").await.assert_status(303);

    reset(&mut owner, &other, "a third horse battery").await.assert_status(404);
    let token = hidden(&change, "token");
    let taken = attacker.submit_shown(&change, "/identity/change-email", &[("token", &token)]).await;
    taken.assert_status(404);
    attacker.get(&link(&to_eve)).await.assert_status(404);
    owner.sign_in(ADA, "another horse battery").await.assert_status(303);
    // What only proves the address still does.
    let verify = mails.iter().find(|mail| mail.contains("/identity/verify?token=")).unwrap();
    owner.get(&link(verify)).await.assert_status(200);

    // Leaving everywhere withdraws links, too.
    let page = owner.get("/identity/account").await.text();
    let fields = [("email", "new@example.com"), ("current_password", "another horse battery")];
    owner.submit_shown(&page, "/identity/account/email", &fields).await.assert_status(303);
    let mails = house.mails(6).await;
    let to_new = mails.iter().find(|mail| mail.contains("To: new@")).unwrap();
    owner.get(&link(to_new)).await.assert_status(200);
    owner.submit_shown(&page, "/identity/account/sessions", &[("session", "all")]).await.assert_status(303);
    owner.get(&link(to_new)).await.assert_status(404);
}

pub(crate) async fn a_link_to_an_address_before_resets_nothing(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    browser.submit("/identity/forgotten", &[("email", ADA)]).await.assert_status(303);
    let page = browser.get("/identity/account").await.text();
    let fields = [("email", "new@example.com"), ("current_password", PASSWORD)];
    browser.submit_shown(&page, "/identity/account/email", &fields).await.assert_status(303);
    let mails = house.mails(3).await;
    let reset = link(mails.iter().find(|mail| mail.contains("/identity/reset?token=")).unwrap());
    let change = link(mails.iter().find(|mail| mail.contains("To: new@")).unwrap());
    browser.get(&reset).await.assert_status(200);
    let shown = browser.get(&change).await.text();
    let token = hidden(&shown, "token");
    browser.submit_shown(&shown, "/identity/change-email", &[("token", &token)]).await.assert_status(303);
    browser.get(&reset).await.assert_status(404);
}
