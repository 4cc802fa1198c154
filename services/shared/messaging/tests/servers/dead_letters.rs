use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use platform_messaging::dead_letters::{DeadLetters, Which};
use platform_messaging::{CloudEvent, Handler, HandlerError};
use platform_testkit::eventually;

use crate::world::{Baskets, QUEUE, SOON, World, renames};

const DEAD: &str = "basket.courses.dead";

/// Refuses everything until the fault is repaired.
struct Faulty {
    inner: Baskets,
    repaired: Arc<AtomicBool>,
}

#[async_trait]
impl Handler for Faulty {
    async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError> {
        if self.repaired.load(Ordering::SeqCst) {
            self.inner.handle(event).await
        } else {
            Err(HandlerError::permanent("a fault"))
        }
    }
}

#[tokio::test]
async fn dead_letters_are_listed_and_replayed_and_then_handled_once() {
    let world = World::new().await;
    let repaired = Arc::new(AtomicBool::new(false));
    let handler = Faulty { inner: world.baskets(), repaired: repaired.clone() };
    let consumer = world.consumer(world.broker("basket"), handler);
    let (relay, _) = world.relay(world.broker("catalog"));
    let events = renames(3, 1);
    world.commit(&events).await;
    eventually(SOON, || async { world.depth(DEAD).await == 3 }).await;
    let dead = DeadLetters::new(world.broker("admin"));

    let listed = dead.list(QUEUE, 10).await.unwrap();
    let mut ids: Vec<_> = listed.iter().filter_map(|letter| letter.id).collect();
    ids.sort();
    assert_eq!(ids, events.iter().map(|event| event.id).collect::<Vec<_>>());
    assert!(listed.iter().all(|it| it.reason.as_deref() == Some("rejected") && it.event.is_ok()));
    eventually(SOON, || async { world.depth(DEAD).await == 3 }).await;
    assert_eq!(dead.list(QUEUE, 2).await.unwrap().len(), 2);
    eventually(SOON, || async { world.depth(DEAD).await == 3 }).await;

    repaired.store(true, Ordering::SeqCst);
    assert_eq!(dead.replay(QUEUE, Which::Id(events[1].id)).await.unwrap(), 1);
    eventually(SOON, || async { world.effects().await == (1, 1) }).await;
    // The letters that were looked at and left are back a moment later.
    eventually(SOON, || async { world.depth(DEAD).await == 2 }).await;
    assert_eq!(dead.replay(QUEUE, Which::Id(events[1].id)).await.unwrap(), 0);
    eventually(SOON, || async { world.depth(DEAD).await == 2 }).await;
    assert_eq!(dead.replay(QUEUE, Which::All).await.unwrap(), 2);

    eventually(SOON, || async { world.effects().await == (3, 3) }).await;
    eventually(SOON, || async { world.depth(DEAD).await == 0 }).await;
    relay.stop().await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (3, 3));
}

#[tokio::test]
async fn a_letter_that_was_handled_after_all_has_no_second_effect() {
    let world = World::new().await;
    let repaired = Arc::new(AtomicBool::new(false));
    let handler = Faulty { inner: world.baskets(), repaired: repaired.clone() };
    let consumer = world.consumer(world.broker("basket"), handler);
    let (relay, _) = world.relay(world.broker("catalog"));
    let events = renames(1, 1);
    world.commit(&events).await;
    eventually(SOON, || async { world.depth(DEAD).await == 1 }).await;
    world.baskets().handle(&events[0]).await.unwrap();

    repaired.store(true, Ordering::SeqCst);
    DeadLetters::new(world.broker("admin")).replay(QUEUE, Which::All).await.unwrap();

    eventually(SOON, || async { world.depth(QUEUE).await == 0 && world.depth(DEAD).await == 0 }).await;
    relay.stop().await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (1, 1));
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_an_error() {
    let world = World::new().await;
    let dead = DeadLetters::new(world.broker("admin"));
    assert!(dead.list("basket.nothing", 1).await.unwrap_err().to_string().contains("NOT_FOUND"));
}
