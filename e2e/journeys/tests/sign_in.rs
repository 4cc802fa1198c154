//! Signing in as any client's users do, with a client library that knows nothing of us.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail the test")]

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};
use platform_journeys::people::{CALLBACK, CLIENT, bearer};
use platform_journeys::{Person, administrator, base_url, new_user, visitor};
use serde_json::{Value, json};

/// How the library reaches the provider.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let (parts, body) = request.into_parts();
    let answer = http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body).send();
    let answer = answer.await?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.into();
    Ok(response)
}

#[tokio::test]
async fn the_openidconnect_crate_signs_somebody_in_refreshes_and_reads_userinfo() {
    let person = Person::new().await;
    let issuer = IssuerUrl::new(format!("{}/identity", base_url())).unwrap();
    let provider = CoreProviderMetadata::discover_async(issuer, &send).await.expect("discovery");
    let client = CoreClient::from_provider_metadata(provider, ClientId::new(CLIENT.to_owned()), None)
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (question, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["email", "profile", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let callback = person.authorizes(question).await;
    let parameter = |name: &str| callback.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!(parameter("state"), *state.secret());

    let code = AuthorizationCode::new(parameter("code"));
    let exchange = client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
    let tokens = exchange.request_async(&send).await.expect("tokens");
    let id_token = tokens.id_token().expect("an ID token");
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce).expect("a valid ID token");
    let algorithm = id_token.signing_alg().unwrap();
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        algorithm,
        id_token.signing_key(&verifier).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.unwrap()));

    let userinfo: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        .unwrap()
        .request_async(&send)
        .await
        .expect("userinfo");
    assert_eq!(userinfo.email().unwrap().as_str(), person.email);

    let refreshed = client.exchange_refresh_token(tokens.refresh_token().expect("a refresh token")).unwrap();
    let refreshed = refreshed.request_async(&send).await.expect("a new token");
    assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
    assert_ne!(
        refreshed.refresh_token().expect("it is rotated").secret(),
        tokens.refresh_token().unwrap().secret()
    );
}

#[tokio::test]
async fn a_token_opens_what_it_was_given_for_and_nothing_else() {
    let person = Person::new().await;
    let narrow = person.signs_in("openid order.read").await;
    narrow.get("/services/order/v1/orders").await.assert_status(200);
    narrow.get("/services/basket/v1/basket").await.problem(403, "insufficient-scope");
    // A student gets no instructor's token, whatever is asked for.
    let student = person.signs_in("openid order.read discount.manage").await;
    student
        .post("/services/discount/v1/coupons", json!({ "reduction": { "percent": 20 } }))
        .await
        .problem(403, "insufficient-scope");
}

#[tokio::test]
async fn a_wrong_token_is_refused_even_where_none_is_needed() {
    for token in ["nonsense", "a.b.c", "dev:01890a5d-ac96-774b-bcce-b302099a8057"] {
        let somebody = visitor().with("authorization", &format!("Bearer {token}"));
        assert_eq!(somebody.get("/services/catalog/v1/courses").await.status, 401, "{token}");
        assert_eq!(somebody.get("/services/order/v1/orders").await.status, 401, "{token}");
    }
}

#[tokio::test]
async fn the_first_administrator_may_do_what_others_may_not() {
    let name = platform_journeys::unique("Category");
    let wanted = json!({ "name": name });
    let user = new_user().await;
    user.post("/services/catalog/v1/categories", wanted.clone()).await.problem(403, "insufficient-scope");
    administrator().await.post("/services/catalog/v1/categories", wanted).await.assert_status(201);
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_whole_family() {
    let person = Person::new().await;
    let first = person.tokens("openid offline_access order.read").await;
    let refresh = |tokens: &Value| {
        let token = tokens["refresh_token"].as_str().expect("a refresh token").to_owned();
        async move {
            let form = reqwest::Url::parse_with_params(
                "http://form",
                [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", &token)],
            );
            let body = form.unwrap().query().unwrap().to_owned();
            let kind = Some("application/x-www-form-urlencoded");
            visitor().send(http::Method::POST, "/identity/token", kind, body).await
        }
    };
    let second: Value = refresh(&first).await.expect(200).json();
    let third: Value = refresh(&second).await.expect(200).json();
    bearer(&third).get("/services/order/v1/orders").await.assert_status(200);
    assert_eq!(refresh(&first).await.expect(400).json::<Value>()["error"], "invalid_grant");
    assert_eq!(refresh(&third).await.expect(400).json::<Value>()["error"], "invalid_grant");
}
