//! What the pages show and how they are sent.

use platform_testkit::Answer;

use crate::Shop;

/// The values of an attribute in a page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    html.split(&begin).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn page(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    answer.text()
}

#[tokio::test]
async fn the_home_page_shows_categories_and_the_newest_courses() {
    let shop = Shop::open().await;
    let software = shop.category("Yazılım").await;
    shop.course("SQL", &software).await;
    let rust = shop.course("Rust'a Giriş", &software).await;
    let html = page(&shop.web.get("/").await.expect(200));
    assert!(html.contains("<html lang=\"en\">"), "{html}");
    let address = format!("/courses/rusta-giris-{}", rust["id"].as_str().unwrap());
    assert!(attributes(&html, "href").contains(&address.as_str()), "{html}");
    assert!(attributes(&html, "href").contains(&"/categories/yazilim"), "{html}");
    assert!(html.contains("₺1,299.90") && html.contains("Yazılım · Turkish"), "{html}");
    let place = |text: &str| html.find(text).unwrap();
    assert!(place("Rust&#39;a Giriş") < place(">SQL<"), "the newest comes first: {html}");
    assert!(!html.contains("Not available"), "{html}");
}

#[tokio::test]
async fn an_empty_shop_says_so() {
    let shop = Shop::open().await;
    let html = page(&shop.web.get("/").await.expect(200));
    assert!(
        html.contains("There are no categories yet") && html.contains("There are no courses yet"),
        "{html}"
    );
}

#[tokio::test]
async fn when_the_catalog_is_away_blocks_say_so_and_pages_without_content_are_503() {
    let shop = Shop::open().await;
    let software = shop.category("Yazılım").await;
    let rust = shop.course("Rust", &software).await;
    let [catalog, gateway, _web] = shop.components;
    catalog.stop().await.unwrap();
    let html = page(&shop.web.get("/").await.expect(200));
    assert_eq!(html.matches("Not available right now").count(), 2, "{html}");
    for path in [format!("/courses/rust-{}", rust["id"].as_str().unwrap()), "/categories/yazilim".to_owned()]
    {
        let away = shop.web.get(&path).await.expect(503);
        assert!(page(&away).contains("Not available right now"));
        assert!(away.header("retry-after").is_some());
    }
    gateway.stop().await.unwrap();
    assert_eq!(page(&shop.web.get("/").await.expect(200)).matches("Not available right now").count(), 2);
}

#[tokio::test]
async fn a_course_has_a_page_whose_old_address_leads_to_the_new_one() {
    let shop = Shop::open().await;
    let software = shop.category("Yazılım").await;
    let rust = shop.course("Rust", &software).await;
    let id = rust["id"].as_str().unwrap();
    let html = page(&shop.web.get(&format!("/courses/rust-{id}")).await.expect(200));
    assert!(html.contains("<h1 lang=\"tr\">Rust</h1>") && html.contains("<title>Rust – "), "{html}");
    assert!(html.contains("<p>İlk satır</p>\n<p>Son satır</p>"), "{html}");
    assert!(attributes(&html, "href").contains(&"/categories/yazilim"));
    for old in [format!("/courses/old-name-{id}"), format!("/courses/{id}")] {
        let moved = shop.web.get(&old).await.expect(301);
        assert_eq!(moved.header("location"), Some(format!("/courses/rust-{id}").as_str()));
    }
    for unknown in ["/courses/rust", "/courses/rust-01890a5d-ac96-774b-bcce-b302099a8057", "/courses/%00"] {
        assert!(page(&shop.web.get(unknown).await.expect(404)).contains("There is nothing here"));
    }
}

#[tokio::test]
async fn a_category_shows_all_its_courses_over_its_pages() {
    let shop = Shop::open().await;
    let (software, music) = (shop.category("Yazılım").await, shop.category("Müzik").await);
    for number in 0..26 {
        shop.course(&format!("Course {number:02}"), &software).await;
    }
    shop.course("Bağlama", &music).await;
    let first = page(&shop.web.get("/categories/yazilim").await.expect(200));
    assert_eq!((first.matches("<article").count(), first.contains("First page")), (24, false));
    let next = attributes(&first, "href").into_iter().find(|href| href.contains("cursor=")).unwrap();
    let second = page(&shop.web.get(next).await.expect(200));
    assert!(second.contains("Course 00") && second.contains("Course 01") && second.contains("First page"));
    assert_eq!(second.matches("<article").count(), 2);
    assert!(!second.contains("Bağlama") && !second.contains("cursor="), "{second}");
    shop.web.get("/categories/yazilim?cursor=x").await.assert_status(404);
    shop.web.get("/categories/none").await.assert_status(404);
}

#[tokio::test]
async fn pages_speak_turkish_or_english() {
    let shop = Shop::open().await;
    let web = shop.web.with("accept-language", "de");
    let language = |answer: &Answer| attributes(&page(answer), "lang")[0].to_owned();
    assert_eq!(language(&web.get("/").await), "tr", "Turkish when nobody says anything");
    assert_eq!(language(&shop.web.get("/").await), "en", "what the browser prefers");
    assert_eq!(
        language(&shop.web.with("cookie", "a=b; web-language=tr").get("/").await),
        "tr",
        "what was chosen"
    );
    let asked = shop.web.with("cookie", "web-language=en").get("/?lang=tr&utm_source=x").await;
    assert_eq!((language(&asked).as_str(), asked.header("content-language")), ("tr", Some("tr")));
    assert!(asked.header("vary").unwrap().contains("accept-language"));
    assert_eq!(language(&web.get("/?lang=xx").await), "tr");
}

#[tokio::test]
async fn a_language_is_chosen_with_a_form_and_only_from_our_own_pages() {
    let shop = Shop::open().await;
    let choose = |origin: &'static str, body: &'static str| {
        let web = shop.web.with("origin", origin);
        async move {
            web.send(http::Method::POST, "/language", Some("application/x-www-form-urlencoded"), body).await
        }
    };
    let own = "http://localhost:8080";
    let chosen = choose(own, "language=tr&back=%2Fcategories%2Fmuzik").await.expect(303);
    assert_eq!(chosen.header("location"), Some("/categories/muzik"));
    let cookie = chosen.header("set-cookie").unwrap();
    assert!(cookie.starts_with("web-language=tr; Path=/; ") && cookie.ends_with("; HttpOnly"), "{cookie}");
    let elsewhere = choose(own, "language=en&back=https%3A%2F%2Fevil.example").await.expect(303);
    assert_eq!(elsewhere.header("location"), Some("/"));
    choose("https://evil.example", "language=tr&back=%2F").await.assert_status(403);
    choose("null", "language=tr&back=%2F").await.assert_status(403);
    choose(own, "language=xx&back=%2F").await.assert_status(404);
}

#[tokio::test]
async fn hostile_names_are_text() {
    let shop = Shop::open().await;
    let category = shop.category("<script>alert(1)</script>").await;
    let course = shop.course("\"><img src=x onerror=alert(1)>", &category).await;
    let course = format!("/courses/{}-{}", course["slug"].as_str().unwrap(), course["id"].as_str().unwrap());
    let category = format!("/categories/{}", category["slug"].as_str().unwrap());
    for path in
        ["/", &course, &category, "/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/?lang=%22%3E%3Cscript%3E"]
    {
        let html = page(&shop.web.get(path).await);
        assert!(!html.contains("<script") && !html.contains("<img"), "{path}: {html}");
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_nothing_inline() {
    let shop = Shop::open().await;
    let software = shop.category("Yazılım").await;
    shop.course("Rust", &software).await;
    for path in ["/", "/no/such/page"] {
        let answer = shop.web.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        let html = page(&answer);
        assert!(
            !html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"),
            "{html}"
        );
        for address in attributes(&html, "src").into_iter().chain(attributes(&html, "href")) {
            let own = address.starts_with('/')
                || address.starts_with('#')
                || address.starts_with("http://localhost:8080/");
            assert!(own, "{address}");
        }
        for asset in attributes(&html, "href").into_iter().filter(|it| it.starts_with("/assets/")) {
            let answer = shop.web.get(asset).await.expect(200);
            assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        }
    }
    shop.web.get("/assets/shop-0000000000000000.css").await.assert_status(404);
}

#[tokio::test]
async fn the_home_page_and_its_style_are_small() {
    let shop = Shop::open().await;
    let software = shop.category("Yazılım").await;
    for number in 0..12 {
        shop.course(&format!("A course with a name as long as names are, number {number}"), &software).await;
    }
    let browser = shop.web.with("accept-encoding", "gzip");
    let html = browser.get("/").await.expect(200);
    let plain = page(&shop.web.get("/").await);
    let style = attributes(&plain, "href").into_iter().find(|href| href.ends_with(".css")).unwrap();
    let style = browser.get(style).await.expect(200);
    for answer in [&html, &style] {
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
    }
    let (html, style) = (html.body.len(), style.body.len());
    assert!(html <= 25_000 && style <= 12_000, "{html} bytes of HTML, {style} of CSS");
}
