//! Wrong tokens, and how many of them one address may send.

use platform_testkit::{TestIssuer, TokenBuilder};
use uuid::Uuid;

use crate::apart::Apart;
use crate::support::{routes, telling};
use crate::talk::Talk;

const PATH: &str = "/services/order/v1/orders";

/// A gateway that takes five wrong tokens an hour from an address.
async fn strict() -> Apart {
    let limit = "limits:\n  wrong-tokens: {requests: 5, perSeconds: 3600, burst: 5, by: address}\nroutes:";
    let routes = routes(telling().await).replace("routes:", limit);
    Apart::start(&routes, &[("SERVING_THREADS", "2"), ("TRUSTED_PROXIES", "127.0.0.0/8")]).await
}

fn good(issuer: &TestIssuer) -> TokenBuilder<'_> {
    issuer.user("gateway", Uuid::now_v7()).scope("order.read")
}

/// With the name of a known key, and the signature of another one.
fn forged() -> String {
    good(&TestIssuer::with_kid(TestIssuer::shared().kid())).sign()
}

#[tokio::test]
async fn too_many_wrong_tokens_are_a_429_and_known_good_ones_pass_all_the_same() {
    let gateway = strict().await;
    let from = |address: &str| gateway.api.with("x-forwarded-for", address);
    let known = good(TestIssuer::shared()).sign();
    from("192.0.2.1").with_token(&known).get(PATH).await.assert_status(200);
    for _ in 0..5 {
        let refused = from("192.0.2.1").with_token(&forged()).get(PATH).await;
        refused.problem(401, "unauthenticated");
    }
    let limited = from("192.0.2.1").with_token(&forged()).get(PATH).await;
    limited.problem(429, "too-many-requests");
    let seconds: u32 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=720).contains(&seconds), "{seconds}");
    assert_eq!(limited.header("ratelimit-policy"), Some("\"wrong-tokens\";q=5;w=3600"));
    // It is so on routes that need no token too, and visitors come in.
    from("192.0.2.1").with_token(&forged()).get("/services/catalog/v1/courses").await.assert_status(429);
    from("192.0.2.1").get("/services/catalog/v1/courses").await.assert_status(200);
    // One bad client behind an address locks nobody out who was in, whichever thread the connection comes to.
    let own = format!("authorization: Bearer {known}\r\nx-forwarded-for: 192.0.2.1\r\n");
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut talk = Talk::to(gateway.address()).await;
        talk.get(PATH, &own).await;
        open.push(talk);
    }
    // Whether a new one is good is what nobody looks at there. Elsewhere it is.
    let new = good(TestIssuer::shared()).sign();
    from("192.0.2.1").with_token(&new).get(PATH).await.problem(429, "too-many-requests");
    from("192.0.2.2").with_token(&new).get(PATH).await.assert_status(200);
    from("192.0.2.1").with_token(&new).get(PATH).await.assert_status(200);

    let counts = gateway.counts().await;
    assert_eq!(counts["gateway_tokens_refused_total{reason=\"invalid\"}"], 5.0);
    assert_eq!(counts["gateway_limited_total{class=\"wrong-tokens\"}"], 3.0);
}

#[tokio::test]
async fn good_tokens_and_those_that_were_good_once_count_for_nothing() {
    let gateway = strict().await;
    let expired = || good(TestIssuer::shared()).claim("exp", 1).sign();
    let same = expired();
    for _ in 0..20 {
        gateway.api.with_token(&good(TestIssuer::shared()).sign()).get(PATH).await.assert_status(200);
        for token in [&expired(), &same] {
            let refused = gateway.api.with_token(token).get(PATH).await;
            refused.problem(401, "unauthenticated");
            assert!(refused.header("www-authenticate").unwrap().contains("expired"));
        }
    }
    gateway.api.with_token(&forged()).get(PATH).await.assert_status(401);
}
