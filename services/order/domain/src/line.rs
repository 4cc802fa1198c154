//! The lines of an order: what was bought, as it was.

use platform_money::Money;

use crate::{CourseId, InstructorId};

/// A course that is about to be bought, as the catalog quoted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// Which course.
    pub course: CourseId,
    /// Its name at this moment; a later rename does not change the order.
    pub name: String,
    /// Who teaches it.
    pub instructor: InstructorId,
    /// Its price at this moment.
    pub price: Money,
}

/// A line as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSnapshot {
    /// What was bought.
    pub bought: NewLine,
    /// Whether the money went back.
    pub refunded: bool,
}
