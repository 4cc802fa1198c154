//! The world as the application's ports want it: two databases and the catalog.

mod catalog;
mod postgres;
mod row;
mod sqlserver;

pub(crate) use catalog::PeerCatalog;
pub(crate) use postgres::PostgresOrders;
pub(crate) use sqlserver::SqlServerOrders;
