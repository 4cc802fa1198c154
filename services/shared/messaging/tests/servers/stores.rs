//! The outbox of PostgreSQL, by the rules of every store and by its own.

use platform_messaging::outbox::OutboxStore;
use platform_messaging::outbox::postgres::{PostgresOutbox, append};
use uuid::Uuid;

use crate::support::{entries_stay_until_they_are_published, leases_are_exclusive};
use crate::world::{World, renamed, renames};

#[tokio::test]
async fn postgres_does_what_every_store_must() {
    let world = World::new().await;
    let store = PostgresOutbox::new(world.pool.clone());
    leases_are_exclusive(&store).await;
    let events = renames(9, 5);
    world.commit(&events).await;
    let written = events.into_iter().map(|event| (event.id, event.subject)).collect();
    entries_stay_until_they_are_published(&store, written).await;
}

#[tokio::test]
async fn an_event_that_is_appended_twice_is_refused() {
    let world = World::new().await;
    let event = renamed(Uuid::now_v7(), 1);
    let mut tx = world.pool.begin().await.unwrap();
    append(&mut tx, &event).await.unwrap();
    assert!(append(&mut tx, &event).await.is_err());
}

#[tokio::test]
async fn what_was_published_long_ago_is_swept() {
    let world = World::new().await;
    let store = PostgresOutbox::new(world.pool.clone());
    world.commit(&renames(3, 1)).await;
    let all: Vec<i16> = (0..16).collect();
    let keys: Vec<_> = store.fetch(&all, 1000).await.unwrap().into_iter().map(|it| it.key).collect();
    store.published(&keys[..2]).await.unwrap();
    let age = "update outbox set published_at = now() - interval '8 days' where position = $1";
    sqlx::query(age).bind(keys[0]).execute(&world.pool).await.unwrap();
    let inbox = "insert into inbox values ('basket.courses', '/services/catalog', gen_random_uuid(), now() - interval '46 days'),
                 ('basket.courses', '/services/catalog', gen_random_uuid(), now() - interval '44 days')";
    sqlx::query(inbox).execute(&world.pool).await.unwrap();

    store.sweep().await.unwrap();

    let left: Vec<i64> = sqlx::query_scalar("select position from outbox order by position")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    let mut expected = keys[1..].to_vec();
    expected.sort_unstable();
    assert_eq!(left, expected);
    let handled: i64 = sqlx::query_scalar("select count(*) from inbox").fetch_one(&world.pool).await.unwrap();
    assert_eq!(handled, 1);
}
