use platform_messaging::idempotency::{Answer, Begun, Request, begin, body_hmac, save};
use platform_testkit::eventually;
use uuid::Uuid;

use crate::world::{SOON, World};

const SECRET: [u8; 32] = [7; 32];

fn request(principal: &'static str, body: &[u8]) -> Request<'static> {
    Request { principal, route: "POST /v1/coupons", key: "key-1", body_hmac: body_hmac(&SECRET, body) }
}

fn answer() -> Answer {
    Answer {
        resource_id: Some(Uuid::now_v7()),
        status: Some(201),
        body: Some("{\"code\":\"RUST\"}".to_owned()),
    }
}

#[tokio::test]
async fn the_same_request_gets_the_stored_answer_and_another_body_is_refused() {
    let world = World::new().await;
    let answer = answer();
    let mut tx = world.pool.begin().await.unwrap();
    assert_eq!(begin(&mut tx, &request("ayse", b"{}")).await.unwrap(), Begun::Start);
    save(&mut tx, &request("ayse", b"{}"), &answer).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = world.pool.begin().await.unwrap();
    assert_eq!(begin(&mut tx, &request("ayse", b"{}")).await.unwrap(), Begun::Saved(answer));
    assert_eq!(begin(&mut tx, &request("ayse", b"{ }")).await.unwrap(), Begun::Mismatch);
    assert_eq!(begin(&mut tx, &request("mehmet", b"{ }")).await.unwrap(), Begun::Start);
}

#[tokio::test]
async fn a_request_whose_effect_was_rolled_back_starts_again() {
    let world = World::new().await;
    let mut tx = world.pool.begin().await.unwrap();
    assert_eq!(begin(&mut tx, &request("ayse", b"{}")).await.unwrap(), Begun::Start);
    tx.rollback().await.unwrap();

    let mut tx = world.pool.begin().await.unwrap();
    assert_eq!(begin(&mut tx, &request("ayse", b"{}")).await.unwrap(), Begun::Start);
}

#[tokio::test]
async fn an_expired_key_starts_again() {
    let world = World::new().await;
    let mut tx = world.pool.begin().await.unwrap();
    begin(&mut tx, &request("ayse", b"{}")).await.unwrap();
    tx.commit().await.unwrap();
    let expire = "update idempotency set expires_at = now() - interval '1 second'";
    sqlx::query(expire).execute(&world.pool).await.unwrap();

    let mut tx = world.pool.begin().await.unwrap();
    assert_eq!(begin(&mut tx, &request("ayse", b"another")).await.unwrap(), Begun::Start);
}

#[tokio::test]
async fn of_two_requests_at_once_one_starts_and_the_other_gets_its_answer() {
    let world = World::new().await;
    let answer = answer();
    let mut first = world.pool.begin().await.unwrap();
    assert_eq!(begin(&mut first, &request("ayse", b"{}")).await.unwrap(), Begun::Start);
    let pool = world.pool.clone();
    let second = tokio::spawn(async move {
        let mut tx = pool.begin().await.unwrap();
        begin(&mut tx, &request("ayse", b"{}")).await.unwrap()
    });
    let waiting = "select exists (select 1 from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock')";
    eventually(SOON, || async {
        sqlx::query_scalar::<_, bool>(waiting).fetch_one(&world.pool).await.unwrap()
    })
    .await;

    save(&mut first, &request("ayse", b"{}"), &answer).await.unwrap();
    first.commit().await.unwrap();

    assert_eq!(second.await.unwrap(), Begun::Saved(answer));
}
