//! What both stores need to know about MongoDB's errors.

use mongodb::error::{Error, ErrorKind, WriteFailure};

/// "E11000 duplicate key error", the code of every server that speaks the protocol.
const DUPLICATE_KEY: i32 = 11000;

/// Whether an insert failed because a document with this `_id` or another unique value is there.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(write)) if write.code == DUPLICATE_KEY)
}
