//! Signing in, staying and leaving.

use platform_testkit::{Engine, secret_file};
use serde_json::json;

use crate::support::{ADA, Browser, House, PASSWORD, encode, hidden, link};

pub(crate) async fn the_wrong_password_and_the_unknown_account_are_answered_alike(engine: Engine) {
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

pub(crate) async fn every_sign_in_gives_a_new_cookie_and_a_planted_one_is_worth_nothing(engine: Engine) {
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

pub(crate) async fn signing_out_here_leaves_other_browsers_and_everywhere_does_not(engine: Engine) {
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

pub(crate) async fn failures_make_whoever_fails_wait_but_not_a_known_browser(engine: Engine) {
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
        assert!(answer.text().contains("<h2 id=\"errors\">Too many attempts</h2>"), "{}", answer.text());
    }
    // The owner was here before.
    owner.forget_cookie("id");
    owner.sign_in(ADA, PASSWORD).await.assert_status(303);
    // What is known for one account is a stranger to another.
    let mut stranger = owner.clone();
    stranger.sign_in("nobody@example.com", PASSWORD).await.assert_status(429);
}

pub(crate) async fn a_new_password_makes_strangers_of_the_browsers_before(engine: Engine) {
    let settings = [("SIGN_IN_FREE_FAILURES", "3"), ("SIGN_IN_FIRST_DELAY_SECONDS", "600")];
    let house = House::with(engine, &settings).await;
    for (email, by_link) in [(ADA, true), ("eve@example.com", false)] {
        let mut owner = house.signed_up(email).await;
        // Whoever had the password could make any number of browsers known, each with tries of its own.
        let mut thieves = [house.browser(), house.browser()];
        for thief in &mut thieves {
            thief.sign_in(email, PASSWORD).await.assert_status(303);
        }
        if by_link {
            owner.submit("/identity/forgotten", &[("email", email)]).await.assert_status(303);
            let page = link(&house.mail("/identity/reset?token=").await);
            let shown = owner.get(&page).await.expect(200).text();
            let token = hidden(&shown, "token");
            let fields = [("token", token.as_str()), ("new_password", "another horse battery")];
            owner.submit_shown(&shown, "/identity/reset", &fields).await.assert_status(303);
        } else {
            let page = owner.get("/identity/account").await.text();
            let fields = [("current_password", PASSWORD), ("new_password", "another horse battery")];
            owner.submit_shown(&page, "/identity/account/password", &fields).await.assert_status(303);
        }
        // They share the tries that strangers have. The browser in which the password was set has its own.
        for _ in 0..2 {
            for thief in &mut thieves {
                thief.sign_in(email, PASSWORD).await.assert_status(422);
            }
        }
        for thief in &mut thieves {
            thief.sign_in(email, "another horse battery").await.assert_status(429);
        }
        owner.forget_cookie("id");
        owner.sign_in(email, "another horse battery").await.assert_status(303);
    }
}

pub(crate) async fn an_address_that_fails_for_many_accounts_waits_and_others_do_not(engine: Engine) {
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

pub(crate) async fn after_signing_in_only_local_paths_are_followed(engine: Engine) {
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

pub(crate) async fn the_first_administrator_is_made_once_and_keeps_a_new_password(engine: Engine) {
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
pub(crate) async fn eventually_signed_in(house: &House, email: &str, password: &str) -> Browser {
    for _ in 0..50 {
        let mut browser = house.browser();
        if browser.sign_in(email, password).await.status == 303 {
            return browser;
        }
    }
    panic!("{email} can't sign in");
}

pub(crate) async fn a_parameter_of_argon2_that_rises_is_taken_over_at_sign_in(engine: Engine) {
    let mut house = House::open(engine).await;
    house.signed_up(ADA).await;
    house.set("ARGON2_MEMORY_KIB", "128");
    house.restart().await;
    for _ in 0..2 {
        house.browser().sign_in(ADA, PASSWORD).await.assert_status(303);
    }
}

pub(crate) async fn browsers_are_called_by_names_that_people_know(engine: Engine) {
    let house = House::open(engine).await;
    house.signed_up(ADA).await;
    let mut browser = house.browser();
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    browser.api = browser.api.with("user-agent", firefox);
    browser.sign_in(ADA, PASSWORD).await.assert_status(303);
    let page = browser.get("/identity/account").await.expect(200).text();
    assert!(page.contains("<p>Firefox on Linux ") && page.contains("<p>Unknown browser</p>"), "{page}");
    assert!(!page.contains("Mozilla/5.0"), "{page}");
}
