//! Messaging on SQL Server, where SQLSERVER_URL names one; elsewhere this program says that it did not run, and
//! no test is counted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use deadpool::managed::Pool;
use platform_messaging::idempotency::sqlserver::{begin, save};
use platform_messaging::idempotency::{Answer, Begun, Request};
use platform_messaging::inbox::sqlserver::first_time;
use platform_messaging::outbox::sqlserver::{SqlServerOutbox, append};
use platform_messaging::sqlserver::{SqlServerManager, SqlServerPool};
use platform_testkit::{SqlServer, secret_file, sqlserver_tests, trial};
use support::{entries_stay_until_they_are_published, leases_are_exclusive, renamed, renames};
use uuid::Uuid;

fn main() -> ExitCode {
    sqlserver_tests(vec![
        trial("sql_server_does_what_every_store_must", sql_server_does_what_every_store_must),
        trial("sql_server_knows_doubles", sql_server_knows_doubles),
    ])
}

/// The pool reads the file for each connection, so that has to stay.
async fn pool(database: &SqlServer) -> (SqlServerPool, tempfile::NamedTempFile) {
    let file = secret_file(database.url());
    let manager = SqlServerManager::new(file.path().to_str().unwrap().parse().unwrap());
    let pool: SqlServerPool = Pool::builder(manager).max_size(4).build().unwrap();
    let mut client = pool.get().await.unwrap();
    client.simple_query(platform_messaging::SQLSERVER_MIGRATION).await.unwrap().into_results().await.unwrap();
    drop(client);
    (pool, file)
}

async fn sql_server_does_what_every_store_must() {
    let database = SqlServer::database().await.unwrap();
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

async fn sql_server_knows_doubles() {
    let database = SqlServer::database().await.unwrap();
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
