//! Which routes of services need which scope, as data, for the gateway to refuse early. Every service checks
//! for itself all the same; a test compares this with docs/api/routes.md, the table of what they demand.

use crate::Name;

/// Methods of a path that need a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Who serves it.
    pub service: Name,
    /// Such as `GET`; `GET` comes with `HEAD`.
    pub methods: &'static [&'static str],
    /// Its template, as the service itself sees it.
    pub path: &'static str,
    /// The scope that a token needs.
    pub scope: &'static str,
}

const GET: &[&str] = &["GET", "HEAD"];
const POST: &[&str] = &["POST"];
const PATCH: &[&str] = &["PATCH"];
const DELETE: &[&str] = &["DELETE"];

const fn demand(
    service: Name,
    methods: &'static [&'static str],
    path: &'static str,
    scope: &'static str,
) -> Demand {
    Demand { service, methods, path, scope }
}

static DEMANDS: [Demand; 17] = [
    demand(Name::Catalog, POST, "/v1/categories", "catalog.admin"),
    demand(Name::Catalog, PATCH, "/v1/categories/{id}", "catalog.admin"),
    demand(Name::Catalog, POST, "/v1/courses", "catalog.teach"),
    demand(Name::Catalog, PATCH, "/v1/courses/{id}", "catalog.teach"),
    demand(Name::Basket, GET, "/v1/basket", "basket.use"),
    demand(Name::Basket, POST, "/v1/basket/items", "basket.use"),
    demand(Name::Basket, DELETE, "/v1/basket/items/{course_id}", "basket.use"),
    demand(Name::Discount, GET, "/v1/coupons", "discount.manage"),
    demand(Name::Discount, POST, "/v1/coupons", "discount.manage"),
    demand(Name::Discount, GET, "/v1/coupons/{id}", "discount.manage"),
    demand(Name::Discount, GET, "/v1/offers/{code}", "discount.preview"),
    demand(Name::Order, GET, "/v1/orders", "order.read"),
    demand(Name::Order, POST, "/v1/orders", "order.buy"),
    demand(Name::Order, GET, "/v1/orders/{id}", "order.read"),
    demand(Name::Payment, POST, "/v1/cards", "payment.card"),
    demand(Name::Payment, GET, "/v1/payments/{id}", "payment.card"),
    demand(Name::Photostock, POST, "/v1/photos", "photo.write"),
];

/// Every demand for a user's scope on a route that the gateway opens; identity checks its own.
#[must_use]
pub fn demands() -> &'static [Demand] {
    &DEMANDS
}
