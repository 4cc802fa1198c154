//! Orders in PostgreSQL.

use std::collections::HashMap;

use async_trait::async_trait;
use order_domain::{AddressFields, BuyerId, CourseId, InstructorId, LineSnapshot, NewLine, Order, OrderId};
use platform_messaging::idempotency;
use platform_money::{Money, Uuid};
use sqlx::{FromRow, PgConnection, PgPool, PgTransaction};
use time::OffsetDateTime;

use super::row::{KeyText, OrderColumns, answer, claim};
use crate::orders::application::{Claim, Orders, Position, RequestKey, StoreError, UnitOfWork, time_of};

/// Orders in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresOrders(PgPool);

impl PostgresOrders {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Orders with their lines, in the order of their rows.
    async fn with_lines(&self, rows: Vec<OrderRow>) -> Result<Vec<Order>, StoreError> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let lines: Vec<LineRow> =
            sqlx::query_as("SELECT * FROM order_lines WHERE order_id = ANY($1) ORDER BY position")
                .bind(ids)
                .fetch_all(&self.0)
                .await?;
        let mut by_order: HashMap<Uuid, Vec<LineRow>> = HashMap::new();
        for line in lines {
            by_order.entry(line.order_id).or_default().push(line);
        }
        let orders = rows.into_iter().map(|row| {
            let lines = by_order.remove(&row.id).unwrap_or_default();
            row.into_columns()
                .with_lines(|currency| lines.into_iter().map(|line| line.into_line(currency)).collect())
        });
        orders.collect()
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

#[async_trait]
impl Orders for PostgresOrders {
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let row: Option<OrderRow> =
            sqlx::query_as("SELECT * FROM orders WHERE id = $1").bind(id.0).fetch_optional(&self.0).await?;
        Ok(self.with_lines(row.into_iter().collect()).await?.pop())
    }

    async fn of_buyer(
        &self,
        buyer: BuyerId,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Order>, StoreError> {
        let after = after.unwrap_or((i64::MAX, Uuid::max()));
        let rows = sqlx::query_as(
            "SELECT * FROM orders WHERE buyer = $1 AND (placed_at, id) < ($2, $3)
             ORDER BY placed_at DESC, id DESC LIMIT $4",
        )
        .bind(buyer.0)
        .bind(time_of(after))
        .bind(after.1)
        .bind(i64::from(count))
        .fetch_all(&self.0)
        .await?;
        self.with_lines(rows).await
    }

    async fn known(&self, key: &RequestKey) -> Result<Claim, StoreError> {
        let known: Option<(Vec<u8>, Option<Uuid>)> = sqlx::query_as(
            "SELECT body_hmac, resource_id FROM idempotency
             WHERE principal = $1 AND route = $2 AND key = $3 AND expires_at >= now()",
        )
        .bind(key.principal.to_string())
        .bind(key.route)
        .bind(&key.key)
        .fetch_optional(&self.0)
        .await?;
        Ok(match known {
            Some((body, _)) if body != key.body => Claim::OtherBody,
            Some((_, Some(order))) => Claim::Done(OrderId(order)),
            _ => Claim::New,
        })
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(PostgresWork(self.0.begin().await?)))
    }
}

struct PostgresWork(PgTransaction<'static>);

#[async_trait]
impl UnitOfWork for PostgresWork {
    async fn claim(&mut self, key: &RequestKey) -> Result<Claim, StoreError> {
        claim(&idempotency::begin(&mut self.0, &KeyText::of(key).request()).await?)
    }

    async fn remember(&mut self, key: &RequestKey, order: OrderId) -> Result<(), StoreError> {
        Ok(idempotency::save(&mut self.0, &KeyText::of(key).request(), &answer(order)).await?)
    }

    async fn insert(&mut self, order: &Order) -> Result<(), StoreError> {
        insert_order(&mut self.0, order).await?;
        Ok(insert_lines(&mut self.0, order).await?)
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    async fn roll_back(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.rollback().await?)
    }
}

async fn insert_order(connection: &mut PgConnection, order: &Order) -> Result<(), sqlx::Error> {
    let order = order.snapshot();
    let address = order.address.fields();
    sqlx::query(
        "INSERT INTO orders (id, number, buyer, province, district, street, zip_code, line,
                             currency, total, state, placed_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(order.id.0)
    .bind(order.number.to_string())
    .bind(order.buyer.0)
    .bind(&address.province)
    .bind(&address.district)
    .bind(&address.street)
    .bind(&address.zip_code)
    .bind(&address.line)
    .bind(order.total.currency.as_str())
    .bind(order.total.amount)
    .bind(order.state.as_str())
    .bind(order.placed_at)
    .bind(order.version)
    .execute(connection)
    .await
    .map(drop)
}

/// All lines in one statement: a row for each place of the arrays.
async fn insert_lines(connection: &mut PgConnection, order: &Order) -> Result<(), sqlx::Error> {
    let order = order.snapshot();
    let lines = || order.lines.iter();
    sqlx::query(
        "INSERT INTO order_lines (order_id, position, course_id, name, instructor, amount, refunded)
         SELECT $1, (position - 1)::smallint, course_id, name, instructor, amount, refunded
         FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::boolean[])
              WITH ORDINALITY AS line (course_id, name, instructor, amount, refunded, position)",
    )
    .bind(order.id.0)
    .bind(lines().map(|line| line.bought.course.0).collect::<Vec<_>>())
    .bind(lines().map(|line| line.bought.name.clone()).collect::<Vec<_>>())
    .bind(lines().map(|line| line.bought.instructor.0).collect::<Vec<_>>())
    .bind(lines().map(|line| line.bought.price.amount).collect::<Vec<_>>())
    .bind(lines().map(|line| line.refunded).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
}

#[derive(FromRow)]
struct OrderRow {
    id: Uuid,
    number: String,
    buyer: Uuid,
    province: String,
    district: String,
    street: String,
    zip_code: String,
    line: String,
    currency: String,
    total: i64,
    state: String,
    placed_at: OffsetDateTime,
    version: i64,
}

impl OrderRow {
    fn into_columns(self) -> OrderColumns {
        OrderColumns {
            id: self.id,
            number: self.number,
            buyer: self.buyer,
            address: AddressFields {
                province: self.province,
                district: self.district,
                street: self.street,
                zip_code: self.zip_code,
                line: self.line,
            },
            currency: self.currency,
            total: self.total,
            state: self.state,
            placed_at: self.placed_at,
            version: self.version,
        }
    }
}

#[derive(FromRow)]
struct LineRow {
    order_id: Uuid,
    course_id: Uuid,
    name: String,
    instructor: Uuid,
    amount: i64,
    refunded: bool,
}

impl LineRow {
    fn into_line(self, currency: platform_money::Currency) -> LineSnapshot {
        LineSnapshot {
            bought: NewLine {
                course: CourseId(self.course_id),
                name: self.name,
                instructor: InstructorId(self.instructor),
                price: Money::new(self.amount, currency),
            },
            refunded: self.refunded,
        }
    }
}
