//! What every outbox store must do, run against each of them. SQL Server's runs where somebody has one
//! (`SQLSERVER_URL`).

use std::time::Duration;

use platform_messaging::outbox::postgres::{PostgresOutbox, append};
use platform_messaging::outbox::{Backlog, OutboxStore, lane_of};
use platform_testkit::eventually;
use uuid::Uuid;

use crate::world::{SOON, World, renamed, renames};

const LEASE: Duration = Duration::from_secs(60);

/// Lanes have one holder at a time, who keeps them, and who can give them back.
async fn leases_are_exclusive(store: &impl OutboxStore) {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    assert_eq!(sorted(store.lease(first, LEASE).await.unwrap()), (0..16).collect::<Vec<i16>>());
    assert!(store.lease(second, LEASE).await.unwrap().is_empty());
    assert_eq!(store.lease(first, LEASE).await.unwrap().len(), 16);
    store.release(second).await.unwrap();
    assert!(store.lease(second, LEASE).await.unwrap().is_empty());
    store.release(first).await.unwrap();
    assert_eq!(store.lease(second, LEASE).await.unwrap().len(), 16);
    // One that has ended is anybody's.
    store.lease(second, Duration::ZERO).await.unwrap();
    eventually(SOON, || async { store.lease(first, LEASE).await.unwrap().len() == 16 }).await;
}

/// Entries come by lane, in order, until they are published. `events` were appended before.
async fn entries_stay_until_they_are_published<S: OutboxStore>(store: &S, events: Vec<(Uuid, String)>) {
    let all: Vec<i16> = (0..16).collect();
    let fetched = store.fetch(&all, 1000).await.unwrap();
    for lane in &all {
        let expected: Vec<_> = events.iter().filter(|it| lane_of(&it.1) == *lane).map(|it| it.0).collect();
        let of_lane: Vec<_> = fetched.iter().filter(|it| it.lane == *lane).map(|it| it.event_id).collect();
        assert_eq!(of_lane, expected);
    }
    let backlog = store.backlog().await.unwrap();
    assert_eq!(backlog.entries, events.len() as u64);
    assert!((0.0..60.0).contains(&backlog.oldest_seconds));

    let lane = fetched[0].lane;
    let keys: Vec<_> = fetched.iter().filter(|it| it.lane == lane).map(|it| it.key.clone()).collect();
    store.published(&keys).await.unwrap();
    store.published(&keys).await.unwrap();
    assert!(store.fetch(&[lane], 1000).await.unwrap().is_empty());

    let rest: Vec<_> = store.fetch(&all, 1000).await.unwrap().into_iter().map(|it| it.key).collect();
    assert_eq!(rest.len(), events.len() - keys.len());
    store.published(&rest).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    store.published(&[]).await.unwrap();
    assert!(store.fetch(&[], 1000).await.unwrap().is_empty());
    store.sweep().await.unwrap();
}

fn sorted(mut lanes: Vec<i16>) -> Vec<i16> {
    lanes.sort_unstable();
    lanes
}

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

#[cfg(feature = "sqlserver")]
mod sqlserver {
    use super::*;
    use deadpool::managed::Pool;
    use platform_messaging::idempotency::sqlserver::{begin, save};
    use platform_messaging::idempotency::{Answer, Begun, Request};
    use platform_messaging::inbox::sqlserver::first_time;
    use platform_messaging::outbox::sqlserver::{SqlServerOutbox, append};
    use platform_messaging::sqlserver::{SqlServerManager, SqlServerPool};
    use platform_testkit::{SqlServer, secret_file};

    /// The pool reads the file for each connection, so that has to stay.
    async fn pool(database: &SqlServer) -> (SqlServerPool, tempfile::NamedTempFile) {
        let file = secret_file(database.url());
        let manager = SqlServerManager::new(file.path().to_str().unwrap().parse().unwrap());
        let pool: SqlServerPool = Pool::builder(manager).max_size(4).build().unwrap();
        let mut client = pool.get().await.unwrap();
        client
            .simple_query(platform_messaging::SQLSERVER_MIGRATION)
            .await
            .unwrap()
            .into_results()
            .await
            .unwrap();
        drop(client);
        (pool, file)
    }

    #[tokio::test]
    async fn sql_server_does_what_every_store_must() {
        let Some(database) = SqlServer::database().await else { return };
        let (pool, _file) = pool(&database).await;
        let store = SqlServerOutbox::new(pool.clone());
        leases_are_exclusive(&store).await;
        let events = renames(9, 5);
        let mut client = pool.get().await.unwrap();
        for event in &events {
            client.begin_transaction().await.unwrap();
            append(&mut client, event).await.unwrap();
            client.commit_transaction().await.unwrap();
        }
        let written = events.into_iter().map(|event| (event.id, event.subject)).collect();
        entries_stay_until_they_are_published(&store, written).await;
    }

    #[tokio::test]
    async fn sql_server_knows_doubles() {
        let Some(database) = SqlServer::database().await else { return };
        let (pool, _file) = pool(&database).await;
        let mut client = pool.get().await.unwrap();
        let event = renamed(Uuid::now_v7(), 1);
        assert!(first_time(&mut client, "basket.courses", &event).await.unwrap());
        assert!(!first_time(&mut client, "basket.courses", &event).await.unwrap());

        let request = Request { principal: "ayse", route: "POST /v1/orders", key: "1", body_hmac: [1; 32] };
        let answer = Answer { resource_id: Some(Uuid::now_v7()), status: Some(201), body: None };
        assert_eq!(begin(&mut client, &request).await.unwrap(), Begun::Start);
        save(&mut client, &request, &answer).await.unwrap();
        assert_eq!(begin(&mut client, &request).await.unwrap(), Begun::Saved(answer));
        let other = Request { body_hmac: [2; 32], ..request };
        assert_eq!(begin(&mut client, &other).await.unwrap(), Begun::Mismatch);
    }
}
