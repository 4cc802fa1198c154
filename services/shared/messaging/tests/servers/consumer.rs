use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use platform_messaging::dead_letters::{DeadLetters, Which};
use platform_messaging::{Broker, CloudEvent, Handler, HandlerError, Outgoing, Publisher};
use platform_testkit::{TcpProxy, eventually};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::world::{Baskets, QUEUE, SOON, World, renamed, renames};

const DEAD: &str = "basket.courses.dead";

/// Fails as often as it is told, then does the real work.
struct Failing {
    inner: Baskets,
    failures: AtomicU32,
    how: fn() -> Result<(), HandlerError>,
}

impl Failing {
    fn times(world: &World, failures: u32, how: fn() -> Result<(), HandlerError>) -> Self {
        Self { inner: world.baskets(), failures: failures.into(), how }
    }
}

#[async_trait]
impl Handler for Failing {
    async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError> {
        let fails =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if fails.is_ok() {
            (self.how)()?;
        }
        self.inner.handle(event).await
    }
}

fn transient() -> Result<(), HandlerError> {
    Err(HandlerError::transient("the store restarts"))
}

fn panics() -> Result<(), HandlerError> {
    panic!("a bug")
}

fn message(event: &CloudEvent) -> Outgoing {
    Outgoing {
        event_id: event.id,
        exchange: "courseplatform.events".to_owned(),
        routing_key: event.kind.clone(),
        mandatory: true,
        body: event.to_json().unwrap().into_bytes(),
        headers: lapin::types::FieldTable::default(),
    }
}

async fn publish(broker: &Broker, messages: &[Outgoing]) {
    let mut publisher = Publisher::open(broker).await.unwrap();
    for message in messages {
        publisher.publish_one(message).await.unwrap();
    }
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_then_handled_once() {
    let world = World::new().await;
    let consumer = world.consumer(world.broker("basket"), Failing::times(&world, 4, transient));
    let event = renamed(Uuid::now_v7(), 1);

    publish(&world.broker("catalog"), &[message(&event)]).await;

    eventually(SOON, || async { world.effects().await == (1, 1) }).await;
    consumer.stop().await;
    assert_eq!((world.depth(QUEUE).await, world.depth(DEAD).await), (0, 0));
}

#[tokio::test]
async fn the_tenth_failure_is_the_last_and_holds_up_nobody() {
    let world = World::new().await;
    let consumer = world.consumer(world.broker("basket"), Failing::times(&world, 10, transient));
    let event = renamed(Uuid::now_v7(), 1);

    publish(&world.broker("catalog"), &[message(&event)]).await;

    eventually(SOON, || async { world.depth(DEAD).await == 1 }).await;
    publish(&world.broker("catalog"), &[message(&renamed(Uuid::now_v7(), 1))]).await;
    eventually(SOON, || async { world.effects().await == (1, 1) }).await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_dead_letter_and_the_consumer_lives() {
    let world = World::new().await;
    let consumer = world.consumer(world.broker("basket"), Failing::times(&world, 1, panics));
    let (first, second) = (renamed(Uuid::now_v7(), 1), renamed(Uuid::now_v7(), 1));

    publish(&world.broker("catalog"), &[message(&first)]).await;
    eventually(SOON, || async { world.depth(DEAD).await == 1 }).await;
    publish(&world.broker("catalog"), &[message(&second)]).await;

    eventually(SOON, || async { world.effects().await == (1, 1) }).await;
    assert_eq!(world.take(DEAD, 1).await, [first]);
    consumer.stop().await;
}

#[tokio::test]
async fn bytes_that_are_no_event_are_a_dead_letter() {
    let world = World::new().await;
    let consumer = world.consumer(world.broker("basket"), world.baskets());
    let event = renamed(Uuid::now_v7(), 1);
    let broken = Outgoing { body: b"{\"specversion\":".to_vec(), ..message(&event) };

    publish(&world.broker("catalog"), &[broken, message(&event)]).await;

    eventually(SOON, || async { world.depth(DEAD).await == 1 }).await;
    eventually(SOON, || async { world.effects().await == (1, 1) }).await;
    consumer.stop().await;
}

#[tokio::test]
async fn shuffled_and_doubled_events_end_as_ordered_ones_do() {
    let world = World::new().await;
    let events = renames(6, 8);
    let mut messages: Vec<Outgoing> = events.iter().chain(&events).map(message).collect();
    // As far from the order of publication as it gets, and different for each course.
    messages.sort_by_key(|it| std::cmp::Reverse((it.event_id.as_u128() >> 3) % 97));
    let consumer = world.consumer(world.broker("basket"), world.baskets());

    publish(&world.broker("catalog"), &messages).await;

    eventually(SOON, || async { world.depth(QUEUE).await == 0 && world.effects().await == (48, 48) }).await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (48, 48));
    let courses: HashSet<Uuid> = events.iter().map(|event| event.subject.parse().unwrap()).collect();
    for course in courses {
        assert_eq!(world.name_of(course).await, Some((8, "name 8".to_owned())));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_while_a_message_is_handled_does_not_double_its_effect() {
    let world = World::new().await;
    let proxy = TcpProxy::to(world.vhost.address()).await;
    let broker = Broker::new(world.vhost.url_through(proxy.address()), "basket");
    let slow = Slow { inner: world.baskets(), begun: Arc::default(), go_on: Arc::default() };
    let (begun, go_on) = (slow.begun.clone(), slow.go_on.clone());
    let consumer = world.consumer(broker, slow);
    publish(&world.broker("catalog"), &[message(&renamed(Uuid::now_v7(), 1))]).await;

    begun.notified().await;
    proxy.reset();
    go_on.notify_one();
    // The broker gives it to the new connection; the second handling finds it done.
    begun.notified().await;
    go_on.notify_one();

    eventually(SOON, || async { world.depth(QUEUE).await == 0 && world.effects().await == (1, 1) }).await;
    consumer.stop().await;
    assert_eq!((world.depth(QUEUE).await, world.effects().await), (0, (1, 1)));
}

#[tokio::test]
async fn at_the_end_of_the_program_what_was_begun_is_finished_and_the_rest_stays() {
    let world = World::new().await;
    let slow = Slow { inner: world.baskets(), begun: Arc::default(), go_on: Arc::default() };
    let (begun, go_on) = (slow.begun.clone(), slow.go_on.clone());
    let consumer = world.consumer(world.broker("basket"), slow);
    let course = Uuid::now_v7();
    let events = [renamed(course, 1), renamed(course, 2)];
    publish(&world.broker("catalog"), &events.each_ref().map(message)).await;
    begun.notified().await;

    let stopping = tokio::spawn(consumer.stop());
    go_on.notify_one();
    stopping.await.unwrap();

    assert_eq!(world.effects().await, (1, 1));
    eventually(SOON, || async { world.depth(QUEUE).await == 1 }).await;
    assert_eq!(world.take(QUEUE, 2).await, [events[1].clone()]);
}

/// Tells that it has begun and waits for the word to go on.
struct Slow {
    inner: Baskets,
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[async_trait]
impl Handler for Slow {
    async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError> {
        self.begun.notify_one();
        self.go_on.notified().await;
        self.inner.handle(event).await
    }
}

#[tokio::test]
async fn with_the_rights_of_the_platform_an_event_goes_the_whole_way_retries_included() {
    let world = World::new().await;
    let (catalog, basket) = (world.own_login("catalog").await, world.own_login("basket").await);
    let consumer = world.consumer(basket, Failing::times(&world, 1, transient));
    let (relay, waker) = world.relay(catalog);

    world.commit(&renames(1, 3)).await;
    waker.wake();

    eventually(SOON, || async { world.effects().await == (3, 3) }).await;
    relay.stop().await;
    consumer.stop().await;
    assert_eq!(world.depth(DEAD).await, 0);
}

#[tokio::test]
async fn a_service_can_publish_nothing_but_what_the_table_says() {
    let world = World::new().await;
    let basket = world.own_login("basket").await;
    let mut publisher = Publisher::open(&basket).await.unwrap();
    let refused = publisher.publish_one(&message(&renamed(Uuid::now_v7(), 1))).await.unwrap_err();
    assert!(refused.to_string().contains("ACCESS_REFUSED"), "{refused}");
}

#[tokio::test]
async fn a_forged_producer_is_refused_and_the_real_one_is_not() {
    let world = World::new().await;
    // A login that got too many rights somehow.
    let url = world.vhost.user("discount_a", "^$", ".*", "^$").await;
    let discount = Broker::new(url, "discount");
    let (catalog, basket) = (world.own_login("catalog").await, world.own_login("basket").await);
    let consumer = world.consumer(basket, world.baskets());
    let (real, forged) = (renamed(Uuid::now_v7(), 1), renamed(Uuid::now_v7(), 1));

    publish(&discount, &[message(&forged)]).await;
    eventually(SOON, || async { world.depth(DEAD).await == 1 }).await;
    publish(&catalog, &[message(&real)]).await;

    eventually(SOON, || async { world.effects().await == (1, 1) }).await;
    assert_eq!(world.name_of(forged.subject.parse().unwrap()).await, None);
    // Nor does a replay launder it: the origin stays the forger's.
    let dead = DeadLetters::new(world.broker("admin"));
    assert_eq!(dead.replay(QUEUE, Which::All).await.unwrap(), 1);
    eventually(SOON, || async { world.depth(DEAD).await == 1 }).await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (1, 1));
}
