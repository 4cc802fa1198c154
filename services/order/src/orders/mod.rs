//! The feature *orders*: `api` (HTTP) → `application` (commands, queries, behaviours, ports) → the domain
//! crate ← `infrastructure` (PostgreSQL, SQL Server, the catalog), which implements the ports.

mod api;
mod application;
mod infrastructure;

pub(crate) use api::{State, routes};
pub(crate) use application::Orders;
pub(crate) use infrastructure::{PeerCatalog, PostgresOrders, SqlServerOrders};
