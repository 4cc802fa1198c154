//! Who may do what with baskets.

use basket::Basket;
use platform_service::Component as _;
use platform_testkit::{bad_tokens, routes};

use crate::Shop;

#[tokio::test]
async fn every_route_demands_what_the_table_says() {
    let shop = Shop::without_broker().await;
    let basket = shop.basket(&shop.catalog().await).await;
    let document = serde_json::to_value(Basket::openapi()).unwrap();
    routes::check(&basket.api, "basket", &document).await;
}

#[tokio::test]
async fn no_wrong_token_is_accepted() {
    let shop = Shop::without_broker().await;
    let basket = shop.basket(&shop.catalog().await).await;
    bad_tokens::check(&basket.api, "basket", http::Method::GET, "/v1/basket", "basket.use").await;
}
