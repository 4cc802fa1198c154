//! What the service can be asked: commands and queries as tower services, with behaviours as layers around
//! them. Ports say what the application needs of the world; nothing here knows HTTP or a database.
//!
//! ```text
//! place order:  tracing → validation → replay → (quote, submit) → transaction → idempotency → store
//! queries:      tracing → (read)
//! ```

mod behaviours;
mod commands;
mod error;
mod ports;
mod queries;

use std::sync::Arc;

use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use behaviours::{IdempotencyLayer, ReplayLayer, TracingLayer, TransactionLayer, ValidationLayer};
pub(crate) use commands::PlaceOrder;
use commands::{PlaceOrderHandler, StoreOrderHandler};
pub(crate) use error::{ApplicationError, Violation};
use order_domain::Order;
pub(crate) use ports::{
    Catalog, CatalogError, Claim, Orders, Position, Quote, RequestKey, StoreError, UnitOfWork, position,
    time_of,
};
pub(crate) use queries::{FindOrder, ListOrders};
use queries::{FindOrderHandler, ListOrdersHandler};

/// A command or query with everything around it.
pub(crate) type Service<Request, Response> = BoxCloneSyncService<Request, Response, ApplicationError>;

/// The service's commands and queries, ready to be asked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) place_order: Service<PlaceOrder, Order>,
    pub(crate) find_order: Service<FindOrder, Order>,
    pub(crate) list_orders: Service<ListOrders, Vec<Order>>,
}

impl Application {
    /// Puts commands, queries and behaviours together; each stack reads from the outside in.
    pub(crate) fn new(orders: &Arc<dyn Orders>, catalog: Arc<dyn Catalog>) -> Self {
        let store_order = ServiceBuilder::new()
            .layer(TracingLayer::new("store order"))
            .layer(TransactionLayer::new(Arc::clone(orders)))
            .layer(IdempotencyLayer::new(Arc::clone(orders)))
            .service(StoreOrderHandler);
        let place_order = ServiceBuilder::new()
            .layer(TracingLayer::new("place order"))
            .layer(ValidationLayer)
            .layer(ReplayLayer::new(Arc::clone(orders)))
            .service(PlaceOrderHandler::new(catalog, BoxCloneSyncService::new(store_order)));
        let find_order = ServiceBuilder::new()
            .layer(TracingLayer::new("find order"))
            .service(FindOrderHandler::new(Arc::clone(orders)));
        let list_orders = ServiceBuilder::new()
            .layer(TracingLayer::new("list orders"))
            .service(ListOrdersHandler::new(Arc::clone(orders)));
        Self {
            place_order: BoxCloneSyncService::new(place_order),
            find_order: BoxCloneSyncService::new(find_order),
            list_orders: BoxCloneSyncService::new(list_orders),
        }
    }
}
