use mongodb::Collection;
use mongodb::bson::{Document, doc};
use platform_messaging::outbox::OutboxStore as _;
use platform_messaging::outbox::mongodb::{MongoOutbox, delete, new_document, update};
use platform_messaging::{CloudEvent, Relay, RelayWaker};
use platform_testkit::{MongoDb, eventually};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{QUEUE, Running, SOON, World, renamed};

async fn courses() -> (MongoDb, Collection<Document>) {
    let database = MongoDb::database().await;
    let client = mongodb::Client::with_uri_str(database.url()).await.unwrap();
    let courses = client.database(database.name()).collection("courses");
    (database, courses)
}

fn relay(world: &World, courses: &Collection<Document>) -> (Running, RelayWaker) {
    let relay = Relay::new(MongoOutbox::new(vec![courses.clone()]), world.broker("catalog"));
    let (waker, health, shutdown) = (relay.waker(), relay.health(), CancellationToken::new());
    let task = tokio::spawn(relay.run(shutdown.clone()));
    (Running::new(health, task, shutdown), waker)
}

/// Makes the course at version 1 and renames it up to `versions`.
async fn write(courses: &Collection<Document>, course: Uuid, versions: i64) -> Vec<CloudEvent> {
    let id = course.to_string();
    let mut events = vec![renamed(course, 1)];
    courses.insert_one(new_document(doc! {"_id": &id, "name": "name 1"}, &events).unwrap()).await.unwrap();
    for rev in 1..versions {
        let event = renamed(course, rev + 1);
        let change = doc! {"$set": {"name": format!("name {}", rev + 1)}};
        assert!(update(courses, &id, rev, change, std::slice::from_ref(&event)).await.unwrap());
        events.push(event);
    }
    events
}

async fn pending(courses: &Collection<Document>) -> u64 {
    courses.count_documents(doc! {"pending": true}).await.unwrap()
}

#[tokio::test]
async fn what_lies_in_documents_is_published_in_order_and_then_gone() {
    let (_database, courses) = courses().await;
    let world = World::new().await;
    let course = Uuid::now_v7();
    let events = write(&courses, course, 12).await;
    let (relay, _) = relay(&world, &courses);

    eventually(SOON, || async { pending(&courses).await == 0 }).await;

    assert_eq!(world.take(QUEUE, 20).await, events);
    let document = courses.find_one(doc! {"_id": course.to_string()}).await.unwrap().unwrap();
    assert!(document.get_document("outbox").unwrap().is_empty());
    assert_eq!((document.get_i64("rev").unwrap(), document.get_str("name").unwrap()), (12, "name 12"));
    relay.stop().await;
}

#[tokio::test]
async fn two_relays_and_a_writer_at_once_lose_nothing() {
    let (_database, courses) = courses().await;
    let world = World::new().await;
    let ((first, waker), (second, other_waker)) = (relay(&world, &courses), relay(&world, &courses));
    let consumer = world.consumer(world.broker("basket"), world.baskets());

    let mut expected = 0;
    for _ in 0..5 {
        expected += i64::try_from(write(&courses, Uuid::now_v7(), 8).await.len()).unwrap();
        waker.wake();
        other_waker.wake();
    }

    eventually(SOON, || async { world.effects().await == (expected, expected) }).await;
    eventually(SOON, || async { pending(&courses).await == 0 }).await;
    first.stop().await;
    second.stop().await;
    consumer.stop().await;
    assert_eq!(world.effects().await, (expected, expected));
}

#[tokio::test]
async fn pending_stays_when_the_document_was_changed_while_the_relay_published() {
    let (_database, courses) = courses().await;
    let course = Uuid::now_v7();
    write(&courses, course, 1).await;
    let store = MongoOutbox::new(vec![courses.clone()]);
    let lanes: Vec<i16> = (0..16).collect();
    let fetched = store.fetch(&lanes, 256).await.unwrap();
    let event = renamed(course, 2);
    assert!(update(&courses, &course.to_string(), 1, doc! {}, std::slice::from_ref(&event)).await.unwrap());

    let keys: Vec<_> = fetched.into_iter().map(|entry| entry.key).collect();
    store.published(&keys).await.unwrap();
    store.published(&keys).await.unwrap();

    let left: Vec<_> = store.fetch(&lanes, 256).await.unwrap().into_iter().map(|it| it.event_id).collect();
    assert_eq!(left, [event.id]);
    assert_eq!(store.backlog().await.unwrap().entries, 1);
}

#[tokio::test]
async fn a_document_left_pending_without_entries_is_cleared() {
    let (_database, courses) = courses().await;
    let document = doc! {"_id": "course", "rev": 3_i64, "pending": true, "outbox": {}};
    courses.insert_one(document).await.unwrap();
    let store = MongoOutbox::new(vec![courses.clone()]);

    assert!(store.fetch(&[0, 1, 2], 256).await.unwrap().is_empty());

    assert_eq!(pending(&courses).await, 0);
}

#[tokio::test]
async fn of_two_writers_at_one_revision_one_wins() {
    let (_database, courses) = courses().await;
    let course = Uuid::now_v7();
    write(&courses, course, 1).await;
    let id = course.to_string();

    assert!(update(&courses, &id, 1, doc! {"$set": {"name": "won"}}, &[]).await.unwrap());
    assert!(!update(&courses, &id, 1, doc! {"$set": {"name": "lost"}}, &[]).await.unwrap());

    let document = courses.find_one(doc! {"_id": &id}).await.unwrap().unwrap();
    assert_eq!(document.get_str("name").unwrap(), "won");
}

#[tokio::test]
async fn a_document_with_events_in_it_is_not_deleted() {
    let (_database, courses) = courses().await;
    let course = Uuid::now_v7();
    write(&courses, course, 1).await;
    let (id, store) = (course.to_string(), MongoOutbox::new(vec![courses.clone()]));

    assert!(!delete(&courses, &id, 1).await.unwrap());
    let lanes: Vec<i16> = (0..16).collect();
    let keys: Vec<_> = store.fetch(&lanes, 256).await.unwrap().into_iter().map(|it| it.key).collect();
    store.published(&keys).await.unwrap();

    assert!(delete(&courses, &id, 1).await.unwrap());
    assert_eq!(courses.count_documents(doc! {}).await.unwrap(), 0);
}
