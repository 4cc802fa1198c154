//! What changes something.

mod place_order;
mod store_order;

pub(crate) use place_order::{PlaceOrder, PlaceOrderHandler};
pub(crate) use store_order::{StoreOrder, StoreOrderHandler};
