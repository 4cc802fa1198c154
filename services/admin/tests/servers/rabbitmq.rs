use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use platform_components::{COMMANDS, EVENTS, Name, ServerKind};
use url::Url;

use crate::platform::{Platform, required};

/// A platform with a virtual host, provisioned; it goes with the test.
pub(crate) struct Broker {
    pub(crate) platform: Platform,
    management: Url,
}

impl Broker {
    pub(crate) async fn new() -> Self {
        let platform = Platform::new();
        let (amqp, management) = (required("TEST_AMQP_URL"), required("TEST_RABBITMQ_MANAGEMENT_URL"));
        let mut address = management.clone();
        address.set_username("").unwrap();
        address.set_password(None).unwrap();
        platform.connection(
            ServerKind::RabbitMq,
            &[
                ("host", amqp.host_str().unwrap()),
                ("port", &amqp.port().unwrap_or(5672).to_string()),
                ("username", management.username()),
                ("password", management.password().unwrap()),
                ("management-uri", address.as_str()),
            ],
        );
        platform.provision().await.unwrap();
        Self { platform, management }
    }

    /// Connects as a component, or as the administrator.
    pub(crate) async fn connect(&self, component: Option<Name>) -> Connection {
        let mut url = required("TEST_AMQP_URL");
        match component {
            Some(name) => {
                url.set_username(&format!("{}_a", self.platform.database(name))).unwrap();
                url.set_password(Some(&self.platform.password(name, ServerKind::RabbitMq))).unwrap();
            }
            None => {
                url.set_username(self.management.username()).unwrap();
                url.set_password(self.management.password()).unwrap();
            }
        }
        url.set_path(&format!("/{}", self.platform.vhost()));
        Connection::connect(url.as_str(), ConnectionProperties::default()).await.unwrap()
    }

    async fn delete(&self, path: &[&str]) {
        let mut url = self.management.clone();
        url.path_segments_mut().unwrap().pop_if_empty().push("api").extend(path);
        let (user, password) = (url.username().to_owned(), url.password().map(str::to_owned));
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        reqwest::Client::new().delete(url).basic_auth(user, password).send().await.unwrap();
    }

    pub(crate) async fn clean(&self) {
        self.delete(&["vhosts", &self.platform.vhost()]).await;
        for component in platform_components::components() {
            self.delete(&["users", &format!("{}_a", self.platform.database(component.name))]).await;
        }
    }
}

/// Publishes; the error is the broker's refusal, which closes the channel.
async fn publish(connection: &Connection, exchange: &str, key: &str) -> Result<Confirmation, lapin::Error> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    channel
        .basic_publish(exchange.into(), key.into(), options, b"{}", BasicProperties::default())
        .await?
        .await
}

#[tokio::test]
async fn a_component_may_publish_what_the_table_says_and_nothing_else() {
    let broker = Broker::new().await;
    let catalog = broker.connect(Some(Name::Catalog)).await;
    let confirmed = publish(&catalog, EVENTS, "catalog.course.renamed.v1").await.unwrap();
    assert!(matches!(confirmed, Confirmation::Ack(None)), "nobody took it: {confirmed:?}");
    assert!(publish(&catalog, EVENTS, "order.order.paid.v1").await.is_err());
    let basket = broker.connect(Some(Name::Basket)).await;
    assert!(publish(&basket, EVENTS, "catalog.course.renamed.v1").await.is_err());
    assert!(publish(&basket, COMMANDS, "payment.authorize.v1").await.is_err());
    broker.clean().await;
}

#[tokio::test]
async fn a_component_can_declare_nothing() {
    let broker = Broker::new().await;
    let basket = broker.connect(Some(Name::Basket)).await;
    let channel = basket.create_channel().await.unwrap();
    let refused =
        channel.queue_declare("mine".into(), QueueDeclareOptions::durable(), FieldTable::default()).await;
    assert!(refused.unwrap_err().to_string().contains("ACCESS_REFUSED"));
    broker.clean().await;
}

#[tokio::test]
async fn a_plan_can_be_applied_again() {
    let broker = Broker::new().await;
    let before = broker.connect(Some(Name::Catalog)).await;
    broker.platform.provision().await.unwrap();
    assert!(before.status().connected(), "a connection was closed by the second run");
    publish(&before, EVENTS, "catalog.course.renamed.v1").await.unwrap();
    broker.clean().await;
}
