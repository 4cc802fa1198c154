//! Cards and payments over HTTP, on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use payment::Payment;
use platform_service::{Component as _, TestComponent, spawn_for_test};
use platform_testkit::{
    Answer, Api, Binary, Postgres, TestIssuer, bad_input, bad_tokens, routes, secret_file,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

const PAID: &str = "4242 4242 4242 4242";
const REFUSED: &str = "4000 0000 0000 0002";
const INSUFFICIENT: &str = "4000 0000 0000 9995";
const DOWN: &str = "4000 0000 0000 0119";
const LATE: &str = "4000 0000 0000 0259";

struct Running {
    api: Api,
    /// Looks where no route does: at what is (not) stored.
    store: PgPool,
    _component: TestComponent,
    _database: Postgres,
    _url: tempfile::NamedTempFile,
}

async fn payment() -> Running {
    let database = Postgres::database().await;
    let url = secret_file(database.url());
    let path = url.path().to_str().unwrap();
    Binary::new(env!("CARGO_BIN_EXE_payment")).env("DATABASE_URL_FILE", path).succeeds(&["migrate"]).await;
    let settings = [("DATABASE_URL_FILE", path), ("JWKS_URI", TestIssuer::shared().jwks_uri())];
    let component = spawn_for_test::<Payment>(&settings).await.unwrap();
    let store = PgPool::connect_lazy(database.url()).unwrap();
    Running { api: Api::new(component.url("")), store, _component: component, _database: database, _url: url }
}

/// Somebody who buys: hands in cards themselves, and pays through the order service.
#[derive(Clone)]
struct Buyer {
    id: Uuid,
    api: Api,
    order: Api,
}

impl Running {
    fn buyer(&self) -> Buyer {
        let id = Uuid::now_v7();
        Buyer { id, api: self.api.as_user(id), order: self.api.as_service("order", "payment.sys.charge") }
    }
}

impl Buyer {
    async fn pay(&self, body: Value) -> Answer {
        self.order.post("/internal/v1/payments", body).await
    }

    fn payment_of(&self, order: Uuid, token: &str) -> Value {
        json!({
            "buyer": self.id, "card_token": token, "order_id": order,
            "amount": { "amount": 1999, "currency": "TRY" },
        })
    }
}

fn card(number: &str) -> Value {
    json!({ "number": number, "expiry": "2045-09", "cvc": "123", "holder": "Ayşe Yılmaz" })
}

async fn token(buyer: &Buyer, number: &str) -> String {
    let made: Value = buyer.api.post("/v1/cards", card(number)).await.expect(201).json();
    made["card_token"].as_str().unwrap().to_owned()
}

/// What the ledger holds in an account.
async fn balance(store: &PgPool, account: &str) -> i64 {
    let sql = "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries WHERE account = $1";
    sqlx::query_scalar(sql).bind(account).fetch_one(store).await.unwrap()
}

#[tokio::test]
async fn an_authorized_payment_is_stored_and_found_by_its_buyer_and_booked_once() {
    let running = payment().await;
    let buyer = running.buyer();
    let body = buyer.payment_of(Uuid::now_v7(), &token(&buyer, PAID).await);

    let made = buyer.pay(body.clone()).await.expect(201);
    let payment: Value = made.json();
    assert_eq!((payment["state"].as_str(), &payment["decline_reason"]), (Some("authorized"), &Value::Null));
    let id = payment["id"].as_str().unwrap();
    let location = format!("http://localhost:8080/services/payment/v1/payments/{id}");
    assert_eq!(made.header("location"), Some(location.as_str()));

    let found: Value = buyer.api.get(&format!("/v1/payments/{id}")).await.expect(200).json();
    assert_eq!(found, payment);
    let again: Value = buyer.pay(body).await.expect(200).json();
    assert_eq!(again, payment);
    assert_eq!(balance(&running.store, "authorized").await, 1999);
    assert_eq!(balance(&running.store, "buyers_cards").await, -1999);
}

#[tokio::test]
async fn a_declined_payment_says_why_and_books_nothing() {
    let running = payment().await;
    let buyer = running.buyer();
    for (number, reason) in [(REFUSED, "refused"), (INSUFFICIENT, "insufficient_funds")] {
        let body = buyer.payment_of(Uuid::now_v7(), &token(&buyer, number).await);
        let payment: Value = buyer.pay(body).await.expect(201).json();
        assert_eq!(payment["state"], "declined");
        assert_eq!(payment["decline_reason"], reason);
    }
    let entries: i64 =
        sqlx::query_scalar("SELECT count(*) FROM ledger_entries").fetch_one(&running.store).await.unwrap();
    assert_eq!(entries, 0);
}

#[tokio::test]
async fn unknown_is_not_failed() {
    let running = payment().await;
    let buyer = running.buyer();
    let down = buyer.payment_of(Uuid::now_v7(), &token(&buyer, DOWN).await);
    for _ in 0..2 {
        let pending = buyer.pay(down.clone()).await.expect(202);
        assert_eq!(pending.json::<Value>()["state"], "pending");
        assert!(pending.header("location").is_some());
    }
    let late = buyer.payment_of(Uuid::now_v7(), &token(&buyer, LATE).await);
    let pending: Value = buyer.pay(late.clone()).await.expect(202).json();
    assert_eq!(balance(&running.store, "authorized").await, 0);
    let known: Value = buyer.pay(late).await.expect(200).json();
    assert_eq!((&known["id"], known["state"].as_str()), (&pending["id"], Some("authorized")));
    assert_eq!(balance(&running.store, "authorized").await, 1999);
}

#[tokio::test]
async fn an_order_is_paid_once_whatever_races() {
    let running = payment().await;
    let buyer = running.buyer();
    let order = Uuid::now_v7();
    // Half of them share a token, as a double click does; half have one of their own.
    let shared = token(&buyer, PAID).await;
    let mut attempts = Vec::new();
    for attempt in 0..8 {
        let token = if attempt % 2 == 0 { shared.clone() } else { token(&buyer, PAID).await };
        let buyer = buyer.clone();
        attempts.push(tokio::spawn(async move { buyer.pay(buyer.payment_of(order, &token)).await }));
    }
    let (mut ids, mut made) = (std::collections::HashSet::new(), 0);
    for attempt in attempts {
        let answer = attempt.await.unwrap();
        assert!(matches!(answer.status.as_u16(), 200 | 201), "{}", answer.text());
        made += usize::from(answer.status == 201);
        ids.insert(answer.json::<Value>()["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((ids.len(), made), (1, 1));
    assert_eq!(balance(&running.store, "authorized").await, 1999);
}

#[tokio::test]
async fn an_order_can_not_be_paid_with_another_amount_or_by_somebody_else() {
    let running = payment().await;
    let buyer = running.buyer();
    let order = Uuid::now_v7();
    let payment: Value =
        buyer.pay(buyer.payment_of(order, &token(&buyer, PAID).await)).await.expect(201).json();

    let mut cheaper = buyer.payment_of(order, &token(&buyer, PAID).await);
    cheaper["amount"]["amount"] = json!(1);
    buyer.pay(cheaper).await.problem(409, "payment-amount-differs");

    let other = running.buyer();
    let body = other.payment_of(order, &token(&other, PAID).await);
    other.pay(body).await.problem(404, "not-found");
    let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
    other.api.get(&path).await.problem(404, "not-found");
    running.api.get(&path).await.problem(401, "unauthenticated");
    buyer.api.get("/v1/payments/not-a-uuid").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_card_token_pays_once_for_its_owner_and_for_ten_minutes() {
    let running = payment().await;
    let buyer = running.buyer();
    let used = token(&buyer, PAID).await;
    buyer.pay(buyer.payment_of(Uuid::now_v7(), &used)).await.assert_status(201);
    let theirs = token(&running.buyer(), PAID).await;
    let over = token(&buyer, PAID).await;
    let ended = "UPDATE card_tokens SET created_at = now() - interval '11 minutes', expires_at = now() - interval '1 minute'
                 WHERE used_for_order IS NULL";
    assert_eq!(sqlx::query(ended).execute(&running.store).await.unwrap().rows_affected(), 2);
    let nobodys = token(&buyer, PAID).await.replace(|_: char| true, "A");
    for token in [used, theirs, over, nobodys] {
        let refused = buyer.pay(buyer.payment_of(Uuid::now_v7(), &token)).await;
        let problem = refused.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/card_token");
        assert!(!refused.text().contains(&token), "a token is repeated: {}", refused.text());
    }
}

#[tokio::test]
async fn neither_a_number_nor_a_token_is_stored() {
    let running = payment().await;
    let buyer = running.buyer();
    let token = token(&buyer, PAID).await;
    buyer.pay(buyer.payment_of(Uuid::now_v7(), &token)).await.assert_status(201);
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT card_tokens::text FROM card_tokens UNION ALL SELECT payments::text FROM payments",
    )
    .fetch_all(&running.store)
    .await
    .unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(!row.contains("4242") && !row.contains(&token) && !row.contains("Ayşe"), "{row}");
    }
}

#[tokio::test]
async fn the_ledger_refuses_what_does_not_balance_and_every_change() {
    let running = payment().await;
    let buyer = running.buyer();
    let body = buyer.payment_of(Uuid::now_v7(), &token(&buyer, PAID).await);
    buyer.pay(body).await.assert_status(201);
    for (sql, reason) in [
        (
            "INSERT INTO ledger_entries (movement_id, payment_id, account, amount, currency, created_at)
             SELECT gen_random_uuid(), id, 'authorized', 1, 'TRY', now() FROM payments",
            "does not sum to zero",
        ),
        ("UPDATE ledger_entries SET amount = amount * 2", "append-only"),
        ("DELETE FROM ledger_entries", "append-only"),
        ("TRUNCATE ledger_entries", "append-only"),
    ] {
        let error = sqlx::query(sql).execute(&running.store).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{sql}: {error}");
    }
    assert_eq!(balance(&running.store, "authorized").await, 1999);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_card_is_told_without_repeating_it() {
    let running = payment().await;
    let buyer = running.buyer();
    bad_input::check_with(&buyer.api, http::Method::POST, "/v1/cards", &card(PAID)).await;
    for (field, value) in [
        ("number", json!("4242 4242 4242 4241")),
        ("number", json!("5555 5555 5555 4444")), // not one of the test numbers
        ("number", json!(4_242_424_242_424_242_u64)),
        ("number", json!("")),
        ("expiry", json!("2001-01")),
        ("expiry", json!("09/45")),
        ("cvc", json!("12")),
        ("cvc", json!("12a")),
        ("holder", json!(" ")),
        ("holder", json!("a\u{0}b")),
    ] {
        let mut body = card(PAID);
        body[field] = value;
        let answer = buyer.api.post("/v1/cards", body).await;
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
        for secret in ["4242", "5555", "12a", "09/45"] {
            assert!(!answer.text().contains(secret), "input is repeated: {}", answer.text());
        }
    }
    running.api.post("/v1/cards", card(PAID)).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_payment_is_told_and_nothing_is_stored() {
    let running = payment().await;
    let buyer = running.buyer();
    let example = buyer.payment_of(Uuid::now_v7(), &token(&buyer, PAID).await);
    bad_input::check_with(&buyer.order, http::Method::POST, "/internal/v1/payments", &example).await;
    for amount in [0, -1] {
        let mut body = example.clone();
        body["amount"]["amount"] = json!(amount);
        let problem = buyer.pay(body).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/amount");
    }
    let stored: i64 =
        sqlx::query_scalar("SELECT count(*) FROM payments").fetch_one(&running.store).await.unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn every_route_demands_what_the_table_says() {
    let running = payment().await;
    let document = serde_json::to_value(Payment::openapi()).unwrap();
    routes::check(&running.api, "payment", &document).await;
}

#[tokio::test]
async fn no_wrong_token_is_accepted() {
    let running = payment().await;
    bad_tokens::check(&running.api, "payment", http::Method::POST, "/v1/cards", "payment.card").await;
}
