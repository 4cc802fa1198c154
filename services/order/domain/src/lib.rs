//! The order domain: what an order is and what may happen to it.
//!
//! [`Order`] is the aggregate; its state is private, so it can only be changed in ways that keep its
//! invariants. Nothing here does I/O, reads a clock or draws random numbers: what time it is and which id is
//! next is told by the caller.

mod address;
mod line;
mod number;
mod order;
mod state;

pub use address::{Address, AddressError, AddressFields};
pub use line::{LineSnapshot, NewLine};
pub use number::{OrderNumber, OrderNumberError};
pub use order::{LARGEST_ORDER, NewOrder, Order, OrderError, OrderSnapshot};
pub use state::{OrderState, UnknownState};

use platform_money::define_id;

define_id!(
    /// Identifies an order.
    OrderId
);
define_id!(
    /// Identifies who buys.
    BuyerId
);
define_id!(
    /// Identifies a course.
    CourseId
);
define_id!(
    /// Identifies who teaches a course.
    InstructorId
);
