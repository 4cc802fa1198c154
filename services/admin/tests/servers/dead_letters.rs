use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel};
use platform_components::{EVENTS, Name, ServerKind};
use platform_testkit::{Binary, eventually};
use serde_json::Value;
use uuid::Uuid;

use crate::rabbitmq::Broker;

const QUEUE: &str = "basket.courses";
const TYPE: &str = "catalog.course.renamed.v1";
const SOON: Duration = Duration::from_secs(10);

/// Runs `courseplatform-admin dead-letters …` and answers what it printed.
async fn admin(broker: &Broker, arguments: &[&str]) -> String {
    let folder = broker.platform.folder(ServerKind::RabbitMq);
    let binary = Binary::new(env!("CARGO_BIN_EXE_courseplatform-admin"))
        .env("CONNECTION", folder.to_str().unwrap())
        .env("VHOST", &broker.platform.vhost());
    let arguments: Vec<&str> = std::iter::once("dead-letters").chain(arguments.iter().copied()).collect();
    binary.succeeds(&arguments).await
}

/// A message that catalog published, with headers of catalog's own choice, and that basket gave up on.
async fn die(broker: &Broker, id: Uuid, headers: FieldTable) {
    let catalog = broker.connect(Some(Name::Catalog)).await;
    let basket = broker.connect(Some(Name::Basket)).await;
    let (publishing, consuming) =
        (catalog.create_channel().await.unwrap(), basket.create_channel().await.unwrap());
    publishing.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let login = format!("{}_a", broker.platform.database(Name::Catalog));
    let properties = BasicProperties::default()
        .with_message_id(id.to_string().as_str().into())
        .with_user_id(login.as_str().into())
        .with_headers(headers);
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let body = br#"{"nonsense":true}"#;
    publishing
        .basic_publish(EVENTS.into(), TYPE.into(), options, body, properties)
        .await
        .unwrap()
        .await
        .unwrap();
    let message = take(&consuming).await;
    message.delivery.acker.reject(BasicRejectOptions { requeue: false }).await.unwrap();
    catalog.close(200, "done".into()).await.unwrap();
    basket.close(200, "done".into()).await.unwrap();
}

/// The next message of the queue.
async fn take(channel: &Channel) -> BasicGetMessage {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let options = BasicGetOptions::default();
        if let Some(message) = channel.basic_get(QUEUE.into(), options).await.unwrap() {
            return message;
        }
        assert!(tokio::time::Instant::now() < deadline, "the queue stayed empty");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn replayed(broker: &Broker) -> BasicProperties {
    let connection = broker.connect(Some(Name::Basket)).await;
    let channel = connection.create_channel().await.unwrap();
    let message = take(&channel).await;
    message.delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
    message.delivery.properties
}

async fn are_dead(broker: &Broker, number: usize) {
    let line = format!("{QUEUE}\t{number}\n");
    eventually(SOON, || async { admin(broker, &["list"]).await.contains(&line) }).await;
}

#[tokio::test]
async fn a_dead_letter_is_listed_shown_and_given_back() {
    let broker = Broker::new().await;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tried = FieldTable::default();
    tried.insert("x-attempt".into(), AMQPValue::LongInt(9));
    die(&broker, first, tried).await;
    die(&broker, second, FieldTable::default()).await;
    are_dead(&broker, 2).await;

    let shown = admin(&broker, &["show", QUEUE]).await;
    let shown: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!([&shown[0]["id"], &shown[1]["id"]], [&first.to_string(), &second.to_string()]);
    assert_eq!((&shown[0]["retries"], &shown[0]["reason"]), (&9.into(), &"rejected".into()));
    assert_eq!(shown[0]["body"]["nonsense"], true);
    assert!(shown[0]["unreadable"].is_string(), "{}", shown[0]);
    are_dead(&broker, 2).await;

    assert_eq!(admin(&broker, &["replay", QUEUE, "--id", &second.to_string()]).await, "1\n");
    let properties = replayed(&broker).await;
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), second.to_string());
    are_dead(&broker, 1).await;

    assert_eq!(admin(&broker, &["replay", QUEUE, "--limit", "0"]).await, "0\n");
    are_dead(&broker, 1).await;
    assert_eq!(admin(&broker, &["replay", QUEUE]).await, "1\n");
    let properties = replayed(&broker).await;
    let headers = properties.headers().iter().flat_map(|it| it.inner().keys());
    let names: Vec<&str> = headers.map(ShortString::as_str).collect();
    // The queue itself adds its x-delivery-count.
    assert!(names.contains(&"x-origin-user") && !names.contains(&"x-attempt"), "{names:?}");
    assert_eq!(admin(&broker, &["replay", QUEUE]).await, "0\n");
    broker.clean().await;
}

#[tokio::test]
async fn a_publisher_can_not_forge_its_name_for_after_a_replay() {
    let broker = Broker::new().await;
    let mut forged = FieldTable::default();
    forged.insert("x-origin-user".into(), AMQPValue::LongString("cp_order_a".into()));
    die(&broker, Uuid::now_v7(), forged).await;
    are_dead(&broker, 1).await;

    assert_eq!(admin(&broker, &["replay", QUEUE]).await, "1\n");

    let login = format!("{}_a", broker.platform.database(Name::Catalog));
    let properties = replayed(&broker).await;
    let origin = properties.headers().as_ref().and_then(|it| it.inner().get("x-origin-user").cloned());
    assert_eq!(origin, Some(AMQPValue::LongString(login.as_str().into())));
    broker.clean().await;
}
