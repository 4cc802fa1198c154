//! Counting with chosen times, on a real PostgreSQL.

use std::sync::Arc;

use platform_testkit::Postgres;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Policy, PostgresThrottle, ThrottleStore};
use crate::POSTGRES_MIGRATIONS;
use crate::capability::sha256;

const POLICY: Policy = Policy { free: 3, first_seconds: 2, longest_seconds: 60, forget: Duration::HOUR };

async fn store() -> (Postgres, Arc<dyn ThrottleStore>, sqlx::PgPool) {
    let database = Postgres::database().await;
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    POSTGRES_MIGRATIONS.run(&pool).await.unwrap();
    (database, Arc::new(PostgresThrottle::new(pool.clone())), pool)
}

fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

#[tokio::test]
async fn the_wait_grows_as_the_policy_says_and_ends() {
    let (_database, store, _) = store().await;
    let (key, mut now) = (sha256(b"x"), start());
    for failure in 1..=12 {
        assert_eq!(store.count(&key, &POLICY, now).await.unwrap(), None, "failure {failure}");
        let wait = POLICY.wait(failure);
        if wait > Duration::ZERO {
            let soon = now + wait - Duration::MILLISECOND;
            assert_eq!(
                store.count(&key, &POLICY, soon).await.unwrap(),
                Some(now + wait),
                "failure {failure}"
            );
        }
        now += wait;
    }
    // Forgotten an hour after the last one.
    now += Duration::HOUR;
    for _ in 0..3 {
        assert_eq!(store.count(&key, &POLICY, now).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_was_no_failure_is_taken_back_with_its_wait() {
    let (_database, store, _) = store().await;
    let (key, now) = (sha256(b"x"), start());
    for _ in 0..10 {
        assert_eq!(store.count(&key, &POLICY, now).await.unwrap(), None);
        store.take_back(&key).await.unwrap();
    }
    for _ in 0..4 {
        assert_eq!(store.count(&key, &POLICY, now).await.unwrap(), None);
    }
    assert!(store.count(&key, &POLICY, now).await.unwrap().is_some());
    store.take_back(&key).await.unwrap();
    assert_eq!(store.count(&key, &POLICY, now).await.unwrap(), None);
    assert!(store.count(&key, &POLICY, now).await.unwrap().is_some());
    store.forget(&key).await.unwrap();
    assert_eq!(store.count(&key, &POLICY, now).await.unwrap(), None);
}

#[tokio::test]
async fn many_at_the_same_moment_get_no_more_tries_than_one_after_the_other() {
    let (_database, store, _) = store().await;
    let (key, now) = (sha256(b"x"), start());
    let attempts = (0..20).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.count(&key, &POLICY, now).await.unwrap().is_none() })
    });
    let mut allowed = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        allowed += u32::from(attempt.await.unwrap());
    }
    assert_eq!(allowed, 4, "three free ones, and the one that begins the wait");
}

#[tokio::test]
async fn a_device_is_known_for_one_account_until_it_is_forgotten() {
    let (_database, store, pool) = store().await;
    let (device, account, now) = (sha256(b"x"), Uuid::now_v7(), start());
    sqlx::query(
        "INSERT INTO accounts (id, email, email_key, password_hash, name, city, language, instructor, admin, created_at,
                               version)
         VALUES ($1, 'x', 'x', 'hash', '', '', 'tr', false, false, now(), 1)",
    )
    .bind(account)
    .execute(&pool)
    .await
    .unwrap();
    assert!(!store.is_known(&device, account, now).await.unwrap());
    // Not by somebody who had the password before.
    for (password, known) in [("other hash", false), ("hash", true)] {
        let remembered = store.remember(&device, account, password, now + Duration::DAY).await.unwrap();
        assert_eq!(remembered, known, "{password}");
        assert_eq!(store.is_known(&device, account, now).await.unwrap(), known, "{password}");
    }
    assert!(!store.is_known(&device, Uuid::now_v7(), now).await.unwrap());
    assert!(!store.is_known(&device, account, now + Duration::DAY).await.unwrap());
    store.sweep(now + Duration::days(2)).await.unwrap();
    assert!(!store.is_known(&device, account, now).await.unwrap());
}
