//! Catalog: categories and courses.
//!
//! Owns what is taught, by whom, in which category and at which price, and tells others when it changes. It
//! knows neither buyers nor baskets, and keeps a photo's reference, never its bytes.

mod categories;
mod courses;
mod idempotency;
mod index;
mod mongo;
mod name;
mod seed;
mod settings;
mod slug;

use axum::Router;
use categories::CategoryStore;
use courses::CourseStore;
use index::Index;
use platform_auth::{AccessTokenScheme, AuthSettings};
use platform_messaging::Relay;
use platform_messaging::outbox::mongodb::MongoOutbox;
use platform_service::{CommonSettings, Component, Runtime, StartError, amqp, mongodb};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use settings::Settings;

/// Where the gateway publishes this service; `Location` and `Link` begin with it.
const PUBLIC_PREFIX: &str = "/services/catalog";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Catalog", description = "Categories and courses of the course platform."),
    servers((url = "/services/catalog")),
    modifiers(&AccessTokenScheme),
    tags(
        (name = "categories", description = "The shelves of the shop"),
        (name = "courses", description = "Courses, by everybody who looks and by those who teach"),
        (name = "internal", description = "For other services; the gateway does not open these paths"),
    )
)]
struct Document;

/// The catalog component.
pub struct Catalog;

impl Component for Catalog {
    const NAME: &'static str = "catalog";
    const ABOUT: &'static str = "Categories and courses: created, renamed, listed and quoted";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn auth(settings: &Settings) -> Option<&AuthSettings> {
        Some(&settings.auth)
    }

    fn openapi() -> OpenApi {
        let (categories, courses) = (categories::routes(), courses::routes());
        let mut document = Document::openapi();
        document.merge(categories.into_openapi());
        document.merge(courses.into_openapi());
        document
    }

    async fn migrate(settings: Settings) -> Result<(), StartError> {
        let database = mongodb::database(&settings.database, Self::NAME).await?;
        mongodb::wait_for(&database).await?;
        CategoryStore::new(&database).migrate().await?;
        CourseStore::new(&database).migrate().await?;
        Ok(())
    }

    async fn seed(settings: Settings) -> Result<(), StartError> {
        let database = mongodb::database(&settings.database, Self::NAME).await?;
        mongodb::wait_for(&database).await?;
        seed::store(&database, settings.currency).await
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let database = mongodb::database(&settings.database, Self::NAME).await?;
        runtime.depends_on(mongodb::dependency(&database));
        let (categories, courses) = (CategoryStore::new(&database), CourseStore::new(&database));

        let broker = amqp::broker(&settings.amqp, Self::NAME);
        let relay = Relay::new(MongoOutbox::new(vec![courses.documents()]), broker);
        let waker = relay.waker();
        runtime.depends_on(amqp::dependency(&relay.health()));
        runtime.spawn(|stop| relay.run(stop));

        let (shelves, cards) = (Index::default(), Index::default());
        runtime.depends_on(shelves.dependency("category-index"));
        runtime.depends_on(cards.dependency("course-index"));
        runtime.spawn(|stop| shelves.clone().keep(categories.documents(), stop));
        runtime.spawn(|stop| cards.clone().keep(courses.documents(), stop));

        let list = |path| settings.common.server.public(PUBLIC_PREFIX, path);
        let category_routes = categories::routes().with_state(categories::State::new(
            categories.clone(),
            shelves,
            list("/v1/categories"),
        ));
        let course_routes = courses::routes().with_state(courses::State::new(
            courses,
            categories,
            cards,
            waker,
            settings.currency,
            list("/v1/courses"),
        ));
        Ok(Router::new().merge(Router::from(category_routes)).merge(Router::from(course_routes)))
    }
}
