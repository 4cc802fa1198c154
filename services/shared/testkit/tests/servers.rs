//! The testkit against the real servers.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::Duration;

use http::Method;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mongodb::bson::{Document, doc};
use platform_testkit::{MongoDb, Postgres, RabbitMq, Redis, TcpProxy, eventually};
use sqlx::{Connection as _, PgConnection, Row};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn each_postgres_database_is_empty_and_gone_after_the_test() {
    let (one, two) = (Postgres::database().await, Postgres::database().await);
    let mut connection = PgConnection::connect(one.url()).await.unwrap();
    sqlx::raw_sql("create table t (a int)").execute(&mut connection).await.unwrap();
    let mut other = PgConnection::connect(two.url()).await.unwrap();
    assert!(sqlx::query("select * from t").fetch_all(&mut other).await.is_err());

    let name = one.name().to_owned();
    drop(one);

    let left: i64 = sqlx::query("select count(*) from pg_database where datname = $1")
        .bind(name)
        .fetch_one(&mut other)
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn each_redis_database_is_empty_and_its_own() {
    let (one, two) = (Redis::database().await, Redis::database().await);
    assert_ne!(one.url(), two.url());
    assert_ne!(one.prefix(), two.prefix());
    let connect =
        async |url: &str| redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut first = connect(one.url()).await;
    let () = redis::cmd("SET").arg("k").arg(1).query_async(&mut first).await.unwrap();
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connect(two.url()).await).await.unwrap();
    assert_eq!(keys, 0);
}

#[tokio::test]
async fn each_mongodb_database_is_empty_and_gone_after_the_test() {
    let database = MongoDb::database().await;
    let client = mongodb::Client::with_uri_str(database.url()).await.unwrap();
    let things = client.default_database().unwrap().collection::<Document>("things");
    assert_eq!(things.count_documents(doc! {}).await.unwrap(), 0);
    things.insert_one(doc! { "_id": "a" }).await.unwrap();

    let name = database.name().to_owned();
    drop(database);

    assert!(!client.list_database_names().await.unwrap().contains(&name));
}

#[tokio::test]
async fn each_virtual_host_is_empty_and_gone_after_the_test() {
    let vhost = RabbitMq::vhost().await;
    let connection = Connection::connect(vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.queue_declare("q".into(), QueueDeclareOptions::default(), FieldTable::default()).await.unwrap();
    channel
        .basic_publish(
            "".into(),
            "q".into(),
            BasicPublishOptions::default(),
            b"hello",
            BasicProperties::default(),
        )
        .await
        .unwrap();
    let message = eventually(SOON, async || {
        channel.basic_get("q".into(), BasicGetOptions { no_ack: true }).await.unwrap()
    })
    .await;
    assert_eq!(message.delivery.data, b"hello");
    let queues = vhost.manage(Method::GET, "queues", &[], None).await;
    assert_eq!(queues.as_array().unwrap().len(), 1);

    let url = vhost.url().to_owned();
    drop(vhost);

    assert!(Connection::connect(&url, ConnectionProperties::default()).await.is_err());
}

#[tokio::test]
async fn a_further_user_may_do_only_what_was_said() {
    let vhost = RabbitMq::vhost().await;
    let reader = vhost.user("reader", "^$", "^$", ".*").await;
    let connection = Connection::connect(&reader, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let refused =
        channel.queue_declare("q".into(), QueueDeclareOptions::default(), FieldTable::default()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn connections_to_the_broker_can_be_closed_from_its_side() {
    let vhost = RabbitMq::vhost().await;
    let connection = Connection::connect(vhost.url(), ConnectionProperties::default()).await.unwrap();
    // The broker's list of connections lags behind by its statistics interval.
    eventually(SOON, async || {
        vhost.close_connections().await;
        !connection.status().connected()
    })
    .await;
}

#[tokio::test]
async fn a_server_behind_a_proxy_goes_and_comes_back() {
    let database = Postgres::database().await;
    let proxy = TcpProxy::to(database.address()).await;
    let url = database.url_through(proxy.address());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection.ping().await.unwrap();

    proxy.cut();
    assert!(connection.ping().await.is_err());
    assert!(PgConnection::connect(&url).await.is_err());

    proxy.heal();
    PgConnection::connect(&url).await.unwrap().ping().await.unwrap();
}
