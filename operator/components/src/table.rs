//! The table itself: nine components. The call edges are those of the system scopes in FLOWS §1.

use crate::ServerKind::{MongoDb, Postgres, RabbitMq, Redis, SqlServer};
use crate::routes::{Priority, PublicRoute, READ, READ_WRITE};
use crate::settings::{self, Setting, Source};
use crate::{Component, Edge, Name, Queue, ServerKind, ServerUse};

/// A server without a choice.
const fn server(kind: ServerKind) -> ServerUse {
    ServerUse { kind, alternatives: &[] }
}

/// PostgreSQL by default, SQL Server by choice.
const SQL_OF_CHOICE: ServerUse = ServerUse { kind: Postgres, alternatives: &[SqlServer] };

const fn edge(to: Name, scopes: &'static [&'static str]) -> Edge {
    Edge { to, scopes }
}

const CURRENCY: Setting = Setting { key: "CURRENCY", source: Source::Currency };

static COMPONENTS: [Component; 9] = [
    Component {
        name: Name::Identity,
        purpose: "accounts, sign-in and tokens (OAuth 2.0, OpenID Connect)",
        local_port: 8101,
        servers: &[SQL_OF_CHOICE, server(RabbitMq)],
        volume: false,
        migrates: true,
        seeds: false,
        calls: &[],
        publishes: &["identity.user.registered.v1", "identity.role.granted.v1", "identity.user.deleted.v1"],
        consumes: &[],
        after: &[],
        routes: &[
            PublicRoute::as_is("/identity", READ_WRITE)
                .body_limit(64 * 1024)
                .limit("sign-in")
                .priority(Priority::High),
            PublicRoute::as_is("/.well-known/oauth-authorization-server/identity", READ),
        ],
        extra_settings: settings::IDENTITY,
    },
    Component {
        name: Name::Catalog,
        purpose: "categories, courses, learning and reviews",
        local_port: 8102,
        servers: &[server(MongoDb), server(RabbitMq)],
        volume: false,
        migrates: true,
        seeds: true,
        calls: &[],
        publishes: &["catalog.course.renamed.v1"],
        consumes: &[],
        after: &[],
        routes: &[PublicRoute::service("/services/catalog/v1", "/services/catalog", Name::Catalog)
            .public(READ)
            .cached()],
        extra_settings: &[CURRENCY],
    },
    Component {
        name: Name::Basket,
        purpose: "baskets",
        local_port: 8103,
        servers: &[server(Redis), server(RabbitMq)],
        volume: false,
        migrates: false,
        seeds: false,
        calls: &[edge(Name::Catalog, &["catalog.sys.quote"]), edge(Name::Discount, &["discount.sys.quote"])],
        publishes: &[],
        consumes: &[Queue { name: "basket.courses", messages: &["catalog.course.renamed.v1"] }],
        after: &[],
        routes: &[PublicRoute::service("/services/basket/v1", "/services/basket", Name::Basket)],
        extra_settings: &[],
    },
    Component {
        name: Name::Discount,
        purpose: "coupons",
        local_port: 8104,
        servers: &[server(Postgres), server(RabbitMq)],
        volume: false,
        migrates: true,
        seeds: false,
        calls: &[edge(Name::Order, &["order.sys.status"])],
        publishes: &[],
        consumes: &[],
        after: &[],
        routes: &[PublicRoute::service("/services/discount/v1", "/services/discount", Name::Discount)],
        extra_settings: &[],
    },
    Component {
        name: Name::Order,
        purpose: "orders and the checkout saga",
        local_port: 8105,
        servers: &[SQL_OF_CHOICE, server(RabbitMq)],
        volume: false,
        migrates: true,
        seeds: false,
        calls: &[
            edge(Name::Basket, &["basket.sys.read"]),
            edge(Name::Catalog, &["catalog.sys.quote"]),
            edge(Name::Discount, &["discount.sys.hold"]),
            edge(Name::Payment, &["payment.sys.charge"]),
        ],
        publishes: &[],
        consumes: &[],
        after: &[],
        routes: &[PublicRoute::service("/services/order/v1", "/services/order", Name::Order)],
        extra_settings: &[],
    },
    Component {
        name: Name::Payment,
        purpose: "(fake) payments and their ledger",
        local_port: 8106,
        servers: &[server(Postgres), server(RabbitMq)],
        volume: false,
        migrates: true,
        seeds: false,
        calls: &[edge(Name::Order, &["order.sys.status"])],
        publishes: &[],
        consumes: &[],
        after: &[],
        routes: &[PublicRoute::service("/services/payment/v1", "/services/payment", Name::Payment)],
        extra_settings: &[],
    },
    Component {
        name: Name::Photostock,
        purpose: "photos",
        local_port: 8107,
        servers: &[],
        volume: true,
        migrates: false,
        seeds: false,
        calls: &[edge(Name::Catalog, &["catalog.sys.photos"])],
        publishes: &[],
        consumes: &[],
        after: &[],
        routes: &[
            PublicRoute::service("/services/photostock/v1", "/services/photostock", Name::Photostock)
                .public(READ)
                .body_limit(10 * 1024 * 1024)
                .timeout(30),
            PublicRoute::as_is("/photos", READ).limit("photos").timeout(30).cached(),
        ],
        extra_settings: &[],
    },
    Component {
        name: Name::Gateway,
        purpose: "the only door: routes, limits and checks",
        local_port: 8080,
        servers: &[server(Redis)],
        volume: false,
        migrates: false,
        seeds: false,
        calls: &[
            edge(Name::Identity, &[]),
            edge(Name::Catalog, &[]),
            edge(Name::Basket, &[]),
            edge(Name::Discount, &[]),
            edge(Name::Order, &[]),
            edge(Name::Payment, &[]),
            edge(Name::Photostock, &[]),
            edge(Name::Web, &[]),
        ],
        publishes: &[],
        consumes: &[],
        after: &[
            Name::Identity,
            Name::Catalog,
            Name::Basket,
            Name::Discount,
            Name::Order,
            Name::Payment,
            Name::Photostock,
        ],
        routes: &[],
        extra_settings: &[
            Setting { key: "ROUTES_FILE", source: Source::RoutesFile },
            Setting { key: "TRUSTED_PROXIES", source: Source::TrustedProxies },
        ],
    },
    Component {
        name: Name::Web,
        purpose: "the shop's pages",
        local_port: 8108,
        servers: &[server(Redis)],
        volume: false,
        migrates: false,
        seeds: false,
        // Pages are made from the public API, through the gateway, like any client's (FLOWS §1).
        calls: &[edge(Name::Gateway, &[])],
        publishes: &[],
        consumes: &[],
        after: &[Name::Gateway],
        routes: &[PublicRoute::as_is("/", READ_WRITE).timeout(15)],
        extra_settings: &[],
    },
];

/// Every component, in the order in which they are shown.
#[must_use]
pub fn components() -> &'static [Component] {
    &COMPONENTS
}

/// The entry of one component.
#[must_use]
pub fn component(name: Name) -> &'static Component {
    // The table is in the order of the enumeration; a test holds it to that.
    &COMPONENTS[name as usize]
}
