//! People at identity's pages, on every engine that there is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

mod support;

use http::Method;
use platform_testkit::{Engine, bad_input, engine_tests, secret_file};
use serde_json::{Value, json};
use support::{Browser, House, MailServer, ORIGIN, PASSWORD, encode, hidden, link};

const ADA: &str = "ada@example.com";
/// Every page with a form that needs nobody signed in, and what a person would send there.
const FORMS: [(&str, &[(&str, &str)]); 4] = [
    ("/identity/sign-in", &[("email", ADA), ("password", "wrong password")]),
    ("/identity/sign-up", &[("name", "Ada"), ("email", ADA), ("city", ""), ("new_password", PASSWORD)]),
    ("/identity/forgotten", &[("email", ADA)]),
    ("/identity/language", &[("language", "tr"), ("back", "/identity/sign-in")]),
];

engine_tests! {
    whoever_signs_up_is_signed_in_and_sees_their_account,
    a_taken_address_is_told_at_once_where_mails_reach_nobody,
    where_mails_reach_people_a_taken_address_is_told_to_its_owner_only,
    two_sign_ups_with_one_address_at_once_make_one_account,
    nobody_signs_up_where_that_is_closed,
    the_wrong_password_and_the_unknown_account_are_answered_alike,
    what_is_wrong_with_a_form_is_said_at_the_field_and_nothing_typed_is_lost,
    every_sign_in_gives_a_new_cookie_and_a_planted_one_is_worth_nothing,
    signing_out_here_leaves_other_browsers_and_everywhere_does_not,
    failures_make_whoever_fails_wait_but_not_a_known_browser,
    an_address_that_fails_for_many_accounts_waits_and_others_do_not,
    a_link_to_reset_the_password_works_once_and_looking_does_not_spend_it,
    an_address_is_verified_by_a_button_and_not_by_a_look,
    a_new_address_counts_from_when_its_mail_was_answered,
    a_new_address_takes_the_password,
    mailed_links_end_with_what_they_were_asked_in,
    a_link_to_an_address_before_resets_nothing,
    a_new_password_ends_other_sessions_and_wants_the_old_one,
    a_deleted_account_is_gone_and_its_address_is_free,
    after_signing_in_only_local_paths_are_followed,
    a_form_from_elsewhere_is_refused,
    forms_that_no_browser_would_send_are_refused_with_a_page,
    bodies_that_are_wrong_are_refused,
    the_first_administrator_is_made_once_and_keeps_a_new_password,
    a_password_is_hidden_while_it_is_typed_and_may_be_pasted_or_filled_in,
    pages_come_in_two_languages_and_with_headers_that_protect,
    a_parameter_of_argon2_that_rises_is_taken_over_at_sign_in,
}

async fn whoever_signs_up_is_signed_in_and_sees_their_account(engine: Engine) {
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

async fn a_taken_address_is_told_at_once_where_mails_reach_nobody(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    let fields = [("name", "Eve"), ("email", "ADA@Example.com"), ("new_password", PASSWORD)];
    let page = house.browser().submit("/identity/sign-up", &fields).await.expect(422).text();
    assert!(page.contains("There is an account with this e-mail"), "{page}");
    let body = json!({ "email": "ADA@example.com", "password": PASSWORD, "name": "Eve", "city": "Ankara" });
    house.api.post("/identity/v1/accounts", body).await.problem(409, "email-taken");
}

async fn where_mails_reach_people_a_taken_address_is_told_to_its_owner_only(engine: Engine) {
    let server = MailServer::start().await;
    let settings = [("SMTP_HOST", "127.0.0.1"), ("SMTP_PORT", &server.port), ("SMTP_TLS", "none")];
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

async fn two_sign_ups_with_one_address_at_once_make_one_account(engine: Engine) {
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

async fn nobody_signs_up_where_that_is_closed(engine: Engine) {
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

async fn the_wrong_password_and_the_unknown_account_are_answered_alike(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    let mut pages = Vec::new();
    for email in [ADA, "bob@example.com"] {
        let mut browser = house.browser();
        let page = browser.sign_in(email, "wrong password").await.expect(422).text();
        assert!(page.contains("The e-mail or the password is wrong"), "{page}");
        assert!(!browser.is_signed_in().await && !page.contains("wrong password"), "{page}");
        pages.push(page.replace(email, "").replace(&hidden(&page, "csrf"), ""));
    }
    assert_eq!(pages[0], pages[1]);
    // Any spelling of the address, and of the password's letters.
    house.browser().sign_in(" ADA@EXAMPLE.com ", PASSWORD).await.assert_status(303);
}

async fn what_is_wrong_with_a_form_is_said_at_the_field_and_nothing_typed_is_lost(engine: Engine) {
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

async fn every_sign_in_gives_a_new_cookie_and_a_planted_one_is_worth_nothing(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    house.signed_up("eve@example.com").await;

    // A cookie that somebody planted before the sign-in is not the one after it.
    let mut victim = house.browser();
    let planted = "A".repeat(43);
    victim.set_cookie("id", &planted);
    victim.sign_in(ADA, PASSWORD).await.assert_status(303);
    let mut attacker = house.browser();
    attacker.set_cookie("id", &planted);
    assert!(victim.is_signed_in().await && !attacker.is_signed_in().await);

    // Nor is the attacker's own session: it ends when somebody else signs in over it.
    let mut attacker = house.browser();
    attacker.sign_in("eve@example.com", PASSWORD).await.assert_status(303);
    let mut victim = house.browser();
    victim.set_cookie("id", attacker.cookie("id").unwrap());
    victim.sign_in(ADA, PASSWORD).await.assert_status(303);
    assert!(victim.is_signed_in().await && !attacker.is_signed_in().await);

    // Signing in again replaces the cookie, and the one before is worth nothing.
    let mut before = victim.clone();
    victim.sign_in(ADA, PASSWORD).await.assert_status(303);
    assert_ne!(victim.cookie("id"), before.cookie("id"));
    assert!(victim.is_signed_in().await && !before.is_signed_in().await);
}

async fn signing_out_here_leaves_other_browsers_and_everywhere_does_not(engine: Engine) {
    let house = House::open(engine).await;
    let mut one = house.signed_up(ADA).await;
    let (mut two, mut three) = (house.browser(), house.browser());
    for browser in [&mut two, &mut three] {
        browser.sign_in(ADA, PASSWORD).await.assert_status(303);
    }
    let page = two.get("/identity/account").await.text();
    assert_eq!(page.matches("name=\"session\"").count(), 4, "three browsers and all of them: {page}");
    let copy = two.clone();
    let signed_out = two.submit_shown(&page, "/identity/sign-out", &[]).await.expect(200);
    assert!(signed_out.text().contains("You are signed out") && two.cookie("id").is_none());
    assert!(!copy.clone().is_signed_in().await, "the cookie outlives the session");
    assert!(one.is_signed_in().await && three.is_signed_in().await);

    // One can't end what is somebody else's.
    let mut eve = house.signed_up("eve@example.com").await;
    let foreign = hidden(&one.get("/identity/account").await.text(), "session");
    let page = eve.get("/identity/account").await.text();
    eve.submit_shown(&page, "/identity/account/sessions", &[("session", &foreign)]).await.assert_status(303);
    assert!(one.is_signed_in().await && three.is_signed_in().await);

    let page = one.get("/identity/account").await.text();
    one.submit_shown(&page, "/identity/account/sessions", &[("session", "all")]).await.assert_status(303);
    assert!(!one.is_signed_in().await && !three.is_signed_in().await && eve.is_signed_in().await);
}

async fn failures_make_whoever_fails_wait_but_not_a_known_browser(engine: Engine) {
    let settings = [("SIGN_IN_FREE_FAILURES", "3"), ("SIGN_IN_FIRST_DELAY_SECONDS", "600")];
    let house = House::with(engine, &settings).await;
    let mut owner = house.signed_up(ADA).await;
    for email in [ADA, "nobody@example.com"] {
        let mut attacker = house.browser();
        for _ in 0..4 {
            attacker.sign_in(email, "wrong password").await.assert_status(422);
        }
        let answer = attacker.sign_in(email, PASSWORD).await.expect(429);
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((590..=600).contains(&seconds) && answer.text().contains("too many attempts"), "{seconds}");
    }
    // The owner was here before.
    owner.forget_cookie("id");
    owner.sign_in(ADA, PASSWORD).await.assert_status(303);
    // What is known for one account is a stranger to another.
    let mut stranger = owner.clone();
    stranger.sign_in("nobody@example.com", PASSWORD).await.assert_status(429);
}

async fn an_address_that_fails_for_many_accounts_waits_and_others_do_not(engine: Engine) {
    let settings = [
        ("SIGN_IN_FREE_FAILURES_BY_ADDRESS", "3"),
        ("SIGN_IN_FIRST_DELAY_SECONDS", "600"),
        ("REQUESTS_FREE", "2"),
    ];
    let house = House::with(engine, &settings).await;
    house.signed_up(ADA).await;
    let from = |address: &str| {
        let mut browser = house.browser();
        browser.api = browser.api.with("forwarded", &format!("for=\"{address}\""));
        browser
    };
    for number in 0..4 {
        let email = format!("user{number}@example.com");
        // Every time another address of the same IPv6 network.
        let mut attacker = from(&format!("[2001:db8::{number}]"));
        attacker.sign_in(&email, "wrong password").await.assert_status(422);
    }
    from("[2001:db8::ffff]").sign_in(ADA, PASSWORD).await.assert_status(429);
    from("[2001:db8:0:1::1]").sign_in(ADA, PASSWORD).await.assert_status(303);
    house.browser().sign_in(ADA, PASSWORD).await.assert_status(303);
    // Signing in right never counts against an address.
    for _ in 0..6 {
        from("203.0.113.7").sign_in(ADA, PASSWORD).await.assert_status(303);
    }

    let sign_up = |number: u8| {
        let body =
            json!({ "email": format!("new{number}@example.com"), "password": PASSWORD, "name": "New" });
        let api = house.api.with("forwarded", "for=203.0.113.8");
        async move { api.post("/identity/v1/accounts", body).await }
    };
    for number in 0..3 {
        sign_up(number).await.assert_status(201);
    }
    let answer = sign_up(3).await;
    answer.problem(429, "too-many-requests");
    assert!(answer.header("retry-after").is_some());
}

async fn a_link_to_reset_the_password_works_once_and_looking_does_not_spend_it(engine: Engine) {
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

async fn an_address_is_verified_by_a_button_and_not_by_a_look(engine: Engine) {
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

async fn a_new_address_counts_from_when_its_mail_was_answered(engine: Engine) {
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

async fn a_new_address_takes_the_password(engine: Engine) {
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

async fn mailed_links_end_with_what_they_were_asked_in(engine: Engine) {
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

async fn a_link_to_an_address_before_resets_nothing(engine: Engine) {
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

async fn a_new_password_ends_other_sessions_and_wants_the_old_one(engine: Engine) {
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

async fn a_deleted_account_is_gone_and_its_address_is_free(engine: Engine) {
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

async fn after_signing_in_only_local_paths_are_followed(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    let fields = [("email", ADA), ("password", PASSWORD)];
    for (wanted, followed) in [
        ("/identity/authorize?client_id=web&state=a%2Fb", "/identity/authorize?client_id=web&state=a%2Fb"),
        ("/learning", "/learning"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nset-cookie: x=y", "/"),
        ("learning", "/"),
    ] {
        let path = format!("/identity/sign-in?{}", encode(&[("continue", wanted)]));
        let mut browser = house.browser();
        let shown = browser.get(&path).await.expect(200).text();
        let action = shown.split("<form class=\"card\" method=\"post\" action=\"").nth(1).unwrap();
        let action = action.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
        let answer = browser.submit_shown(&shown, &action, &fields).await.expect(303);
        assert_eq!(answer.header("location"), Some(followed), "{wanted}");
    }
    let twice = "/identity/sign-in?continue=/a&continue=/b";
    assert_eq!(house.browser().submit(twice, &fields).await.header("location"), Some("/"));
}

async fn a_form_from_elsewhere_is_refused(engine: Engine) {
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

async fn forms_that_no_browser_would_send_are_refused_with_a_page(engine: Engine) {
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

async fn bodies_that_are_wrong_are_refused(engine: Engine) {
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

async fn the_first_administrator_is_made_once_and_keeps_a_new_password(engine: Engine) {
    let file = secret_file(r#"{"email":"root@example.com","password":"the first of them all"}"#);
    let mut house = House::with(engine, &[("FIRST_ADMIN_FILE", file.path().to_str().unwrap())]).await;
    let root = "root@example.com";
    let mut browser = eventually_signed_in(&house, root, "the first of them all").await;
    let page = browser.get("/identity/account").await.text();
    let fields = [("current_password", "the first of them all"), ("new_password", "something else entirely")];
    browser.submit_shown(&page, "/identity/account/password", &fields).await.assert_status(303);

    house.restart().await;
    house.signed_up(ADA).await;
    house.browser().sign_in(root, "the first of them all").await.assert_status(422);
    house.browser().sign_in(root, "something else entirely").await.assert_status(303);
}

/// A browser in which somebody is signed in whose account is made in the background.
async fn eventually_signed_in(house: &House, email: &str, password: &str) -> Browser {
    for _ in 0..50 {
        let mut browser = house.browser();
        if browser.sign_in(email, password).await.status == 303 {
            return browser;
        }
    }
    panic!("{email} can't sign in");
}

async fn a_password_is_hidden_while_it_is_typed_and_may_be_pasted_or_filled_in(engine: Engine) {
    let house = House::open(engine).await;
    let mut browser = house.signed_up(ADA).await;
    for (path, name, filled_in) in [
        ("/identity/sign-in", "password", "current-password"),
        ("/identity/sign-up", "new_password", "new-password"),
        ("/identity/account", "current_password", "current-password"),
        ("/identity/account", "new_password", "new-password"),
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

async fn pages_come_in_two_languages_and_with_headers_that_protect(engine: Engine) {
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

async fn a_parameter_of_argon2_that_rises_is_taken_over_at_sign_in(engine: Engine) {
    let mut house = House::open(engine).await;
    house.signed_up(ADA).await;
    house.set("ARGON2_MEMORY_KIB", "128");
    house.restart().await;
    for _ in 0..2 {
        house.browser().sign_in(ADA, PASSWORD).await.assert_status(303);
    }
}
