//! A course's rename on its whole way: catalog, outbox, RabbitMQ, every basket that holds the course.

use std::time::Duration;

use platform_messaging::messages::CourseRenamed;
use platform_messaging::topology::{self, Limits};
use platform_messaging::{Broker, CloudEvent, Outgoing, Publisher};
use platform_testkit::{Api, RabbitMq, TcpProxy, eventually};
use serde_json::json;
use uuid::Uuid;

use crate::{SOON, Shop, add, course, id, seen};

/// A shop whose two services reach the broker, each under its own login, through a network that can break.
struct World {
    shop: Shop,
    broker: RabbitMq,
    network: TcpProxy,
}

impl World {
    async fn new() -> Self {
        let broker = RabbitMq::vhost().await;
        let (channel, _) = Broker::new(broker.url(), "admin").channel().await.unwrap();
        let limits = Limits::AsArguments(Duration::from_millis(100));
        topology::declare(&channel, &topology::topology(), limits).await.unwrap();
        let network = TcpProxy::to(broker.address()).await;
        let through = |url: String| url.replace(&broker.address(), &network.address().to_string());
        let catalog = broker.user("catalog", "^$", "^courseplatform\\.events$", "^$").await;
        let basket = broker.user("basket", "^$", "^courseplatform\\.retry\\.", "^basket\\.").await;
        let shop = Shop::with_brokers(through(catalog), through(basket)).await;
        Self { shop, broker, network }
    }

    /// Publishes as the catalog would, past its outbox.
    async fn publish(&self, events: &[CloudEvent]) {
        let catalog =
            self.shop.catalog_broker.replace(&self.network.address().to_string(), &self.broker.address());
        let mut publisher = Publisher::open(&Broker::new(catalog.as_str(), "catalog")).await.unwrap();
        for event in events {
            let message = Outgoing {
                event_id: event.id,
                exchange: "courseplatform.events".to_owned(),
                routing_key: event.kind.clone(),
                mandatory: true,
                body: event.to_json().unwrap().into_bytes(),
                headers: Default::default(),
            };
            publisher.publish_one(&message).await.unwrap();
        }
    }
}

fn renamed(course: Uuid, version: i64, name: &str) -> CloudEvent {
    let data = CourseRenamed { course_id: course, name: name.to_owned() };
    CloudEvent::new("catalog", course.to_string(), version, &data).unwrap()
}

async fn rename(catalog: &Api, owner: Uuid, course: Uuid, version: i64, name: &str) {
    let api = catalog.as_user(owner).with("if-match", &format!("\"{version}\""));
    api.patch(&format!("/v1/courses/{course}"), json!({ "name": name })).await.assert_status(200);
}

/// Waits until each user's basket has this version and name.
async fn all_see(basket: &Api, users: &[Uuid], version: i64, name: &str) {
    for user in users {
        let expected = (version, name.to_owned());
        eventually(SOON, || async {
            let seen = seen(basket, *user).await;
            if seen == expected { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_course_renamed_while_the_broker_is_away_is_renamed_in_every_basket_once() {
    let world = World::new().await;
    let catalog = world.shop.catalog().await;
    let basket = world.shop.basket(&catalog).await;
    let (owner, rust) = course(&catalog.api, "Rust").await;
    let rust = id(&rust);
    let users = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    for user in users {
        add(&basket.api, user, rust).await.assert_status(201);
    }
    let (_, sql) = course(&catalog.api, "SQL").await;
    let bystander = Uuid::now_v7();
    add(&basket.api, bystander, id(&sql)).await.assert_status(201);

    world.network.cut();
    rename(&catalog.api, owner, rust, 1, "Rust, twice as good").await;
    for admin in [&catalog.admin, &basket.admin] {
        let broker_is_missed =
            || async { admin.get("/readyz").await.expect(200).text().contains("\"up\":false") };
        eventually(SOON, broker_is_missed).await;
    }
    for user in users {
        assert_eq!(seen(&basket.api, user).await, (1, "Rust".to_owned()), "nothing can have arrived");
    }

    world.network.heal();
    all_see(&basket.api, &users, 2, "Rust, twice as good").await;

    // What comes after it shows that nothing came twice: each rename is one version of the basket.
    rename(&catalog.api, owner, rust, 2, "Rust 3").await;
    all_see(&basket.api, &users, 3, "Rust 3").await;
    assert_eq!(seen(&basket.api, bystander).await, (1, "SQL".to_owned()));
}

#[tokio::test]
async fn an_event_that_the_catalog_died_with_is_published_by_the_next_one() {
    let world = World::new().await;
    let catalog = world.shop.catalog().await;
    let basket = world.shop.basket(&catalog).await;
    let (owner, rust) = course(&catalog.api, "Rust").await;
    let user = Uuid::now_v7();
    add(&basket.api, user, id(&rust)).await.assert_status(201);

    world.network.cut();
    rename(&catalog.api, owner, id(&rust), 1, "Rust 2").await;
    catalog.component.stop().await.unwrap();
    world.network.heal();
    assert_eq!(seen(&basket.api, user).await, (1, "Rust".to_owned()));

    let _next = world.shop.catalog().await;
    all_see(&basket.api, &[user], 2, "Rust 2").await;
}

#[tokio::test]
async fn a_basket_service_that_was_away_catches_up() {
    let world = World::new().await;
    let catalog = world.shop.catalog().await;
    let basket = world.shop.basket(&catalog).await;
    let (owner, rust) = course(&catalog.api, "Rust").await;
    let user = Uuid::now_v7();
    add(&basket.api, user, id(&rust)).await.assert_status(201);
    basket.component.stop().await.unwrap();

    rename(&catalog.api, owner, id(&rust), 1, "Rust 2").await;
    rename(&catalog.api, owner, id(&rust), 2, "Rust 3").await;
    let basket = world.shop.basket(&catalog).await;
    all_see(&basket.api, &[user], 3, "Rust 3").await;
}

#[tokio::test]
async fn events_shuffled_and_doubled_end_in_the_same_basket() {
    let world = World::new().await;
    let catalog = world.shop.catalog().await;
    let basket = world.shop.basket(&catalog).await;
    let rust = id(&course(&catalog.api, "Rust").await.1);
    let user = Uuid::now_v7();
    add(&basket.api, user, rust).await.assert_status(201);

    let [two, three, four, five] =
        [2, 3, 4, 5].map(|version| renamed(rust, version, &format!("Rust {version}")));
    world.publish(&[four.clone(), two.clone(), four, three.clone(), two, three, five.clone(), five]).await;
    // One change for version 4 and one for version 5.
    all_see(&basket.api, &[user], 3, "Rust 5").await;
    world.publish(&[renamed(rust, 6, "Rust 6")]).await;
    all_see(&basket.api, &[user], 4, "Rust 6").await;
}

#[tokio::test]
async fn a_rename_that_overtakes_a_quote_holds() {
    let world = World::new().await;
    let catalog = world.shop.catalog().await;
    let basket = world.shop.basket(&catalog).await;
    let rust = id(&course(&catalog.api, "Rust").await.1);
    let (first, late) = (Uuid::now_v7(), Uuid::now_v7());
    add(&basket.api, first, rust).await.assert_status(201);
    world.publish(&[renamed(rust, 7, "Rust 7")]).await;
    all_see(&basket.api, &[first], 2, "Rust 7").await;
    // The catalog still quotes version 1.
    add(&basket.api, late, rust).await.assert_status(201);
    assert_eq!(seen(&basket.api, late).await, (1, "Rust 7".to_owned()));
}

#[tokio::test]
async fn a_rename_reaches_more_baskets_than_one_script_changes() {
    let world = World::new().await;
    let catalog = world.shop.catalog().await;
    let basket = world.shop.basket(&catalog).await;
    let (owner, rust) = course(&catalog.api, "Rust").await;
    let users: Vec<_> = (0..1100).map(|_| Uuid::now_v7()).collect();
    for users in users.chunks(50) {
        let adds = users.iter().map(|user| add(&basket.api, *user, id(&rust)));
        futures::future::join_all(adds).await.iter().for_each(|answer| answer.assert_status(201));
    }
    let gone = users[7];
    basket.api.as_user(gone).delete(&format!("/v1/basket/items/{}", id(&rust))).await.assert_status(204);

    rename(&catalog.api, owner, id(&rust), 1, "Rust 2").await;
    let others: Vec<_> = users.iter().copied().filter(|user| *user != gone).collect();
    all_see(&basket.api, &others, 2, "Rust 2").await;
    assert_eq!(seen(&basket.api, gone).await, (2, String::new()));
}
