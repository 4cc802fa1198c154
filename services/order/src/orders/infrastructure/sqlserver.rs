//! Orders in SQL Server. Plain T-SQL: nothing that would mean something else under another isolation level.

use std::collections::HashMap;

use async_trait::async_trait;
use order_domain::{AddressFields, BuyerId, CourseId, InstructorId, LineSnapshot, NewLine, Order, OrderId};
use platform_messaging::idempotency;
use platform_money::{Currency, Money, Uuid};
use platform_service::sqlserver::{Columns as _, Pool, SqlServerError, Transaction, utc};
use tiberius::{Row, ToSql};

use super::row::{KeyText, OrderColumns, answer, claim};
use crate::orders::application::{Claim, Orders, Position, RequestKey, StoreError, UnitOfWork, time_of};

/// Orders in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerOrders(Pool);

impl SqlServerOrders {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    /// Orders with their lines, in the order of their rows. T-SQL has no arrays, so each id is a parameter;
    /// a page has far fewer than the 2,100 that a statement may have.
    async fn with_lines(&self, rows: Vec<Row>) -> Result<Vec<Order>, StoreError> {
        let orders = rows.iter().map(columns).collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&[u8]> = orders.iter().map(|order| order.id.as_bytes().as_slice()).collect();
        let parameters: Vec<&dyn ToSql> = ids.iter().map(|id| id as &dyn ToSql).collect();
        let placeholders: Vec<String> = (1..=ids.len()).map(|number| format!("@P{number}")).collect();
        let sql = format!(
            "SELECT order_id, course_id, name, instructor, amount, refunded FROM order_lines
             WHERE order_id IN ({}) ORDER BY position",
            placeholders.join(", ")
        );
        let mut by_order: HashMap<Uuid, Vec<LineColumns>> = HashMap::new();
        for row in self.0.query(&sql, &parameters).await? {
            let line = line(&row).ok_or_else(unreadable)?;
            by_order.entry(line.order).or_default().push(line);
        }
        let orders = orders.into_iter().map(|order| {
            let lines = by_order.remove(&order.id).unwrap_or_default();
            order.with_lines(|currency| lines.into_iter().map(|line| line.into_line(currency)).collect())
        });
        orders.collect()
    }
}

impl From<SqlServerError> for StoreError {
    fn from(error: SqlServerError) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<tiberius::error::Error> for StoreError {
    fn from(error: tiberius::error::Error) -> Self {
        SqlServerError::from(error).into()
    }
}

const COLUMNS: &str = "id, number, buyer, province, district, street, zip_code, line, currency, total, state, placed_at, version";

#[async_trait]
impl Orders for SqlServerOrders {
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE id = @P1");
        let rows = self.0.query(&sql, &[&id.0.as_bytes().as_slice()]).await?;
        Ok(self.with_lines(rows).await?.pop())
    }

    async fn of_buyer(
        &self,
        buyer: BuyerId,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Order>, StoreError> {
        let after = after.unwrap_or((i64::MAX, Uuid::max()));
        let sql = format!(
            "SELECT TOP (@P4) {COLUMNS} FROM orders
             WHERE buyer = @P1 AND (placed_at < @P2 OR (placed_at = @P2 AND id < @P3))
             ORDER BY placed_at DESC, id DESC"
        );
        let (buyer, id) = (buyer.0.as_bytes().as_slice(), after.1.as_bytes().as_slice());
        let rows = self.0.query(&sql, &[&buyer, &utc(time_of(after)), &id, &i64::from(count)]).await?;
        self.with_lines(rows).await
    }

    async fn known(&self, key: &RequestKey) -> Result<Claim, StoreError> {
        let sql = "SELECT body_hmac, resource_id FROM idempotency
                   WHERE principal = @P1 AND route = @P2 AND [key] = @P3 AND expires_at >= sysutcdatetime()";
        let principal = key.principal.to_string();
        let rows = self.0.query(sql, &[&principal.as_str(), &key.route, &key.key.as_str()]).await?;
        let Some(row) = rows.first() else { return Ok(Claim::New) };
        if row.try_get::<&[u8], _>("body_hmac")? != Some(key.body.as_slice()) {
            return Ok(Claim::OtherBody);
        }
        Ok(row.id("resource_id").map_or(Claim::New, |order| Claim::Done(OrderId(order))))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(SqlServerWork(self.0.begin().await?)))
    }
}

struct SqlServerWork(Transaction);

#[async_trait]
impl UnitOfWork for SqlServerWork {
    async fn claim(&mut self, key: &RequestKey) -> Result<Claim, StoreError> {
        claim(&idempotency::sqlserver::begin(&mut self.0, &KeyText::of(key).request()).await?)
    }

    async fn remember(&mut self, key: &RequestKey, order: OrderId) -> Result<(), StoreError> {
        let key = KeyText::of(key);
        Ok(idempotency::sqlserver::save(&mut self.0, &key.request(), &answer(order)).await?)
    }

    async fn insert(&mut self, order: &Order) -> Result<(), StoreError> {
        let order = order.snapshot();
        let address = order.address.fields();
        let id = order.id.0.as_bytes().as_slice();
        self.0
            .execute(
                "INSERT INTO orders (id, number, buyer, province, district, street, zip_code, line,
                                     currency, total, state, placed_at, version)
                 VALUES (@P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10, @P11, @P12, @P13)",
                &[
                    &id,
                    &order.number.to_string().as_str(),
                    &order.buyer.0.as_bytes().as_slice(),
                    &address.province.as_str(),
                    &address.district.as_str(),
                    &address.street.as_str(),
                    &address.zip_code.as_str(),
                    &address.line.as_str(),
                    &order.total.currency.as_str(),
                    &order.total.amount,
                    &order.state.as_str(),
                    &utc(order.placed_at),
                    &order.version,
                ],
            )
            .await?;
        for (position, line) in (0_i16..).zip(&order.lines) {
            self.0
                .execute(
                    "INSERT INTO order_lines (order_id, position, course_id, name, instructor, amount, refunded)
                     VALUES (@P1, @P2, @P3, @P4, @P5, @P6, @P7)",
                    &[
                        &id,
                        &position,
                        &line.bought.course.0.as_bytes().as_slice(),
                        &line.bought.name.as_str(),
                        &line.bought.instructor.0.as_bytes().as_slice(),
                        &line.bought.price.amount,
                        &line.refunded,
                    ],
                )
                .await?;
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    async fn roll_back(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.rollback().await?)
    }
}

fn unreadable() -> StoreError {
    StoreError::Corrupt { id: Uuid::nil(), what: "a column has another type or is empty".to_owned() }
}

fn columns(row: &Row) -> Option<OrderColumns> {
    Some(OrderColumns {
        id: row.id("id")?,
        number: row.text("number")?,
        buyer: row.id("buyer")?,
        address: AddressFields {
            province: row.text("province")?,
            district: row.text("district")?,
            street: row.text("street")?,
            zip_code: row.text("zip_code")?,
            line: row.text("line")?,
        },
        currency: row.text("currency")?,
        total: row.value("total")?,
        state: row.text("state")?,
        placed_at: row.instant("placed_at")?,
        version: row.value("version")?,
    })
}

struct LineColumns {
    order: Uuid,
    course: Uuid,
    name: String,
    instructor: Uuid,
    amount: i64,
    refunded: bool,
}

fn line(row: &Row) -> Option<LineColumns> {
    Some(LineColumns {
        order: row.id("order_id")?,
        course: row.id("course_id")?,
        name: row.text("name")?,
        instructor: row.id("instructor")?,
        amount: row.value("amount")?,
        refunded: row.value("refunded")?,
    })
}

impl LineColumns {
    fn into_line(self, currency: Currency) -> LineSnapshot {
        LineSnapshot {
            bought: NewLine {
                course: CourseId(self.course),
                name: self.name,
                instructor: InstructorId(self.instructor),
                price: Money::new(self.amount, currency),
            },
            refunded: self.refunded,
        }
    }
}
