//! Coupons in PostgreSQL.

use platform_money::{Currency, Money};
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Code, Coupon, CouponId, Reduction};

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another coupon has this code.
    #[error("the code is taken")]
    CodeTaken,
    /// A row that this version can't read.
    #[error("coupon {id} in the database is not readable: {what}")]
    Corrupt { id: Uuid, what: &'static str },
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The position of a coupon in its owner's list, newest first.
pub(crate) type Position = (i64, Uuid);

/// Coupons in the service's own database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CouponStore(PgPool);

impl CouponStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Stores a new coupon.
    ///
    /// # Errors
    /// [`StoreError::CodeTaken`] when another coupon has its code.
    pub(crate) async fn insert(&self, coupon: &Coupon) -> Result<(), StoreError> {
        let (percent, amount) = match coupon.reduction {
            Reduction::Percent(percent) => (Some(i16::from(percent)), None),
            Reduction::Amount(money) => (None, Some(money)),
        };
        sqlx::query(
            "INSERT INTO coupons
               (id, owner, code, percent, amount, currency, course_id, valid_from, valid_until, created_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(coupon.id.0)
        .bind(coupon.owner)
        .bind(coupon.code.as_str())
        .bind(percent)
        .bind(amount.map(|money| money.amount))
        .bind(amount.map(|money| money.currency.to_string()))
        .bind(coupon.course_id)
        .bind(coupon.valid_from)
        .bind(coupon.valid_until)
        .bind(coupon.created_at)
        .bind(coupon.version)
        .execute(&self.0)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(cause) if cause.constraint() == Some("coupons_code_key") => StoreError::CodeTaken,
            _ => StoreError::Database(error),
        })?;
        Ok(())
    }

    /// The coupon with this id.
    pub(crate) async fn find(&self, id: CouponId) -> Result<Option<Coupon>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM coupons WHERE id = $1").bind(id.0);
        row.fetch_optional(&self.0).await?.map(Row::into_coupon).transpose()
    }

    /// The coupon with this code.
    pub(crate) async fn find_by_code(&self, code: &Code) -> Result<Option<Coupon>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM coupons WHERE code = $1").bind(code.as_str());
        row.fetch_optional(&self.0).await?.map(Row::into_coupon).transpose()
    }

    /// Up to `count` of an owner's coupons, newest first, after a position.
    pub(crate) async fn of_owner(
        &self,
        owner: Uuid,
        after: Option<Position>,
        count: i64,
    ) -> Result<Vec<Coupon>, StoreError> {
        let (micros, id) = after.unwrap_or((i64::MAX, Uuid::max()));
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM coupons
             WHERE owner = $1 AND (created_at, id) < ($2, $3)
             ORDER BY created_at DESC, id DESC LIMIT $4",
        )
        .bind(owner)
        .bind(from_micros(micros))
        .bind(id)
        .bind(count)
        .fetch_all(&self.0)
        .await?;
        rows.into_iter().map(Row::into_coupon).collect()
    }
}

/// PostgreSQL keeps microseconds, so a position does too.
pub(crate) fn position(coupon: &Coupon) -> Position {
    let micros = coupon.created_at.unix_timestamp_nanos() / 1_000;
    (i64::try_from(micros).unwrap_or(i64::MAX), coupon.id.0)
}

/// A time of microseconds since 1970; what lies beyond the calendar is its end.
fn from_micros(micros: i64) -> OffsetDateTime {
    let latest = time::macros::datetime!(9999-12-31 23:59:59 UTC);
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or(latest)
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    owner: Uuid,
    code: String,
    percent: Option<i16>,
    amount: Option<i64>,
    currency: Option<String>,
    course_id: Option<Uuid>,
    valid_from: OffsetDateTime,
    valid_until: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    version: i64,
}

impl Row {
    fn into_coupon(self) -> Result<Coupon, StoreError> {
        let corrupt = |what| StoreError::Corrupt { id: self.id, what };
        let reduction = match (self.percent, self.amount, self.currency.as_deref()) {
            (Some(percent), None, None) => {
                Reduction::Percent(u8::try_from(percent).map_err(|_| corrupt("percent"))?)
            }
            (None, Some(amount), Some(currency)) => {
                let currency: Currency = currency.parse().map_err(|_| corrupt("currency"))?;
                Reduction::Amount(Money::new(amount, currency))
            }
            _ => return Err(corrupt("reduction")),
        };
        Ok(Coupon {
            id: CouponId(self.id),
            owner: self.owner,
            code: self.code.parse().map_err(|_| corrupt("code"))?,
            reduction,
            course_id: self.course_id,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            created_at: self.created_at,
            version: self.version,
        })
    }
}
