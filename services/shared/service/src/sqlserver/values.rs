//! Values on their way in and out of rows. Ids are `binary(16)`, times UTC in `datetime2`.

use tiberius::{FromSql, Row};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use uuid::Uuid;

/// A time as a `datetime2` parameter: that type has no offset, so columns hold UTC.
#[must_use]
pub fn utc(instant: OffsetDateTime) -> PrimitiveDateTime {
    let instant = instant.to_offset(UtcOffset::UTC);
    PrimitiveDateTime::new(instant.date(), instant.time())
}

/// The columns of a row by their names. `None` for one that is empty, of another type, or not there.
pub trait Columns {
    /// A number or a flag.
    fn value<'a, T: FromSql<'a>>(&'a self, column: &str) -> Option<T>;

    /// A text.
    fn text(&self, column: &str) -> Option<String> {
        self.value::<&str>(column).map(str::to_owned)
    }

    /// Bytes.
    fn bytes(&self, column: &str) -> Option<Vec<u8>> {
        self.value::<&[u8]>(column).map(<[u8]>::to_vec)
    }

    /// An id.
    fn id(&self, column: &str) -> Option<Uuid> {
        self.value::<&[u8]>(column).and_then(|bytes| Uuid::from_slice(bytes).ok())
    }

    /// A time.
    fn instant(&self, column: &str) -> Option<OffsetDateTime> {
        self.value(column).map(PrimitiveDateTime::assume_utc)
    }
}

impl Columns for Row {
    fn value<'a, T: FromSql<'a>>(&'a self, column: &str) -> Option<T> {
        self.try_get(column).ok().flatten()
    }
}
