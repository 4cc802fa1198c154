use std::time::{Duration, Instant};

use courseplatform_admin::connection::Connection;
use courseplatform_admin::dead_letters::{Broker as DeadLetters, Which};
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use platform_components::ServerKind;
use platform_components::provision::ConnectionFolder;

use crate::rabbitmq::Broker;

const QUEUE: &str = "basket.courses";

async fn die(channel: &lapin::Channel, id: &str) {
    let mut headers = FieldTable::default();
    headers.insert("x-attempt".into(), AMQPValue::LongInt(10));
    headers.insert("x-origin-user".into(), AMQPValue::LongString("catalog_a".into()));
    let properties = BasicProperties::default().with_message_id(id.into()).with_headers(headers);
    let body = br#"{"type":"catalog.course.renamed.v1","data":{}}"#;
    channel
        .basic_publish(
            "".into(),
            "basket.courses.dead".into(),
            BasicPublishOptions::default(),
            body,
            properties,
        )
        .await
        .unwrap()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_dead_letter_is_listed_shown_and_given_back() {
    let broker = Broker::new().await;
    let folder = ConnectionFolder(broker.platform.folder(ServerKind::RabbitMq));
    let letters = DeadLetters::new(&Connection::read(&folder).unwrap(), &broker.platform.vhost()).unwrap();
    let connection = broker.connect(None).await;
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    die(&channel, "first").await;
    die(&channel, "second").await;

    // The management API counts every few seconds.
    let started = Instant::now();
    while letters.list().await.unwrap().iter().all(|queue| queue.messages != 2) {
        assert!(started.elapsed() < Duration::from_secs(30), "the broker never counted two dead letters");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let shown = letters.show(QUEUE, 10).await.unwrap();
    let ids: Vec<_> = shown.iter().map(|letter| letter.id.as_str().unwrap()).collect();
    assert_eq!(ids, ["first", "second"]);
    assert_eq!(shown[0].routing_key, "catalog.course.renamed.v1");

    let only = Which { id: Some("second".to_owned()), limit: 10 };
    assert_eq!(letters.replay(QUEUE, &only).await.unwrap(), 1);
    let message = channel.basic_get(QUEUE.into(), BasicGetOptions { no_ack: true }).await.unwrap().unwrap();
    assert_eq!(message.properties.message_id().as_ref().unwrap().as_str(), "second");
    let headers = message.properties.headers().as_ref().unwrap().inner();
    let names: Vec<&str> = headers.keys().map(lapin::types::ShortString::as_str).collect();
    assert!(names.contains(&"x-origin-user") && !names.contains(&"x-attempt"), "{names:?}");

    let all = Which { id: None, limit: u32::MAX };
    assert_eq!(letters.replay(QUEUE, &all).await.unwrap(), 1);
    assert_eq!(letters.replay(QUEUE, &all).await.unwrap(), 0);
    connection.close(200, "done".into()).await.unwrap();
    broker.clean().await;
}
