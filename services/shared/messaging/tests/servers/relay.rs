use std::collections::HashMap;

use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use platform_testkit::{TcpProxy, eventually};
use uuid::Uuid;

use crate::world::{QUEUE, SOON, World, renamed, renames};

#[tokio::test]
async fn events_of_an_aggregate_are_published_in_order() {
    let world = World::new().await;
    let events = renames(7, 60);
    world.commit(&events).await;
    let (relay, _) = world.relay(world.broker("catalog"));

    eventually(SOON, || async { world.unpublished().await == 0 }).await;

    let published = world.take(QUEUE, events.len()).await;
    assert_eq!(published.len(), events.len());
    let mut versions: HashMap<String, i64> = HashMap::new();
    for event in published {
        let last = versions.insert(event.subject, event.aggregate_version).unwrap_or(0);
        assert_eq!(event.aggregate_version, last + 1);
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_woken_relay_publishes_at_once_and_gives_its_lanes_back_at_the_end() {
    let world = World::new().await;
    let (relay, waker) = world.relay(world.broker("catalog"));
    eventually(SOON, || async { relay.health.check() }).await;
    let event = renamed(Uuid::now_v7(), 1);

    world.commit(std::slice::from_ref(&event)).await;
    waker.wake();

    eventually(SOON, || async { world.unpublished().await == 0 }).await;
    assert_eq!(world.take(QUEUE, 1).await, [event]);
    relay.stop().await;
    let held = "select count(*) from outbox_lane where owner is not null";
    assert_eq!(sqlx::query_scalar::<_, i64>(held).fetch_one(&world.pool).await.unwrap(), 0);
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_passed_over() {
    let world = World::new().await;
    let (relay, _) = world.relay(world.broker("catalog"));
    let (early, late) = (renamed(Uuid::now_v7(), 1), renamed(Uuid::now_v7(), 1));
    // Takes its place in the outbox first and commits last.
    let mut tx = world.pool.begin().await.unwrap();
    platform_messaging::outbox::postgres::append(&mut tx, &late).await.unwrap();
    world.commit(std::slice::from_ref(&early)).await;
    eventually(SOON, || async { world.depth(QUEUE).await == 1 }).await;

    tx.commit().await.unwrap();

    eventually(SOON, || async { world.unpublished().await == 0 }).await;
    assert_eq!(world.take(QUEUE, 2).await, [early, late]);
    relay.stop().await;
}

#[tokio::test]
async fn with_two_relays_at_once_every_effect_happens_exactly_once() {
    let world = World::new().await;
    let (first, _) = world.relay(world.broker("catalog"));
    let (second, _) = world.relay(world.broker("catalog"));
    let consumer = world.consumer(world.broker("basket"), world.baskets());
    let events = renames(20, 20);

    world.commit(&events).await;

    eventually(SOON, || async { world.effects().await == (400, 400) }).await;
    first.stop().await;
    second.stop().await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (400, 400));
    assert_eq!(world.unpublished().await, 0);
}

#[tokio::test]
async fn what_a_killed_relay_leaves_another_one_publishes() {
    let world = World::new().await;
    let (killed, _) = world.relay(world.broker("catalog"));
    eventually(SOON, || async { killed.health.check() }).await;
    let consumer = world.consumer(world.broker("basket"), world.baskets());
    let events = renames(20, 20);
    world.commit(&events).await;
    killed.kill().await;

    let (heir, _) = world.relay(world.broker("catalog"));
    // Time passes until the leases of the dead end.
    let expire = "update outbox_lane set until = now() - interval '1 second' where owner is not null";
    sqlx::query(expire).execute(&world.pool).await.unwrap();

    eventually(SOON, || async { world.effects().await == (400, 400) }).await;
    eventually(SOON, || async { world.unpublished().await == 0 }).await;
    heir.stop().await;
    consumer.stop().await;
}

#[tokio::test]
async fn when_the_connection_is_cut_in_the_middle_nothing_is_lost() {
    let world = World::new().await;
    let proxy = TcpProxy::to(world.vhost.address()).await;
    let through = || world.vhost.url_through(proxy.address());
    let (relay, _) = world.relay(platform_messaging::Broker::new(through(), "catalog"));
    let consumer = world.consumer(platform_messaging::Broker::new(through(), "basket"), world.baskets());
    let events = renames(40, 10);
    // A batch is some 100 kB: each connection breaks inside one, in the middle of a frame.
    proxy.limit(60_001);
    world.commit(&events).await;

    eventually(SOON, || async { world.effects().await.0 > 0 }).await;
    proxy.cut();
    eventually(SOON, || async { relay.health.check().is_err() && consumer.health.check().is_err() }).await;
    proxy.heal();

    eventually(SOON, || async { world.effects().await == (400, 400) }).await;
    eventually(SOON, || async { world.unpublished().await == 0 }).await;
    eventually(SOON, || async { relay.health.check().and(consumer.health.check()) }).await;
    relay.stop().await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (400, 400));
}

#[tokio::test]
async fn without_a_broker_events_wait_and_the_health_says_why() {
    let world = World::new().await;
    let proxy = TcpProxy::to(world.vhost.address()).await;
    proxy.cut();
    let broker = platform_messaging::Broker::new(world.vhost.url_through(proxy.address()), "catalog");
    let (relay, _) = world.relay(broker);
    world.commit(&renames(1, 3)).await;
    eventually(SOON, || async { relay.health.check().is_err_and(|it| it.starts_with("the broker")) }).await;
    assert_eq!(world.unpublished().await, 3);

    proxy.heal();

    eventually(SOON, || async { world.unpublished().await == 0 }).await;
    eventually(SOON, || async { relay.health.check() }).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_mandatory_message_waits_for_its_queue_and_holds_up_its_lane_only() {
    let world = World::new().await;
    let (relay, _) = world.relay(world.broker("catalog"));
    let (command, event) = (renamed(Uuid::now_v7(), 1), renamed(Uuid::now_v7(), 1));
    sqlx::query(
        "insert into outbox (event_id, lane, aggregate_id, aggregate_version, exchange, routing_key, mandatory, body)
         values ($1, 3, 'payment', 1, 'courseplatform.commands', 'test.payment.capture.v1', true, $2)",
    )
    .bind(command.id)
    .bind(command.to_json().unwrap())
    .execute(&world.pool)
    .await
    .unwrap();
    eventually(SOON, || async { relay.health.check().is_err_and(|it| it.starts_with("no queue takes it")) })
        .await;
    let mut other = event.clone();
    while platform_messaging::outbox::lane_of(&other.subject) == 3 {
        other = renamed(Uuid::now_v7(), 1);
    }
    world.commit(std::slice::from_ref(&other)).await;
    eventually(SOON, || async { world.depth(QUEUE).await == 1 }).await;
    eventually(SOON, || async { world.unpublished().await == 1 }).await;

    let (channel, _) = world.broker("admin").channel().await.unwrap();
    let (exchange, key) = ("courseplatform.commands".into(), "test.payment.capture.v1".into());
    channel
        .queue_bind(QUEUE.into(), exchange, key, QueueBindOptions::default(), FieldTable::default())
        .await
        .unwrap();

    eventually(SOON, || async { world.unpublished().await == 0 }).await;
    assert_eq!(world.take(QUEUE, 2).await, [other, command]);
    eventually(SOON, || async { relay.health.check() }).await;
    relay.stop().await;
}

#[tokio::test]
async fn an_event_that_the_table_does_not_know_is_refused_before_the_commit() {
    let world = World::new().await;
    let mut foreign = renamed(Uuid::now_v7(), 1);
    foreign.source = "/services/discount".to_owned();
    let mut tx = world.pool.begin().await.unwrap();
    let error = platform_messaging::outbox::postgres::append(&mut tx, &foreign).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "discount does not publish catalog.course.renamed.v1, says the table of messages"
    );
}
