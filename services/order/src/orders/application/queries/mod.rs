//! What only reads.

mod find_order;
mod list_orders;

pub(crate) use find_order::{FindOrder, FindOrderHandler};
pub(crate) use list_orders::{ListOrders, ListOrdersHandler};
