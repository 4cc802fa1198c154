//! Giving dead letters back to the queue they came from.

use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Confirmation, ConnectionProperties};
use platform_components::REDELIVER;
use url::Url;

use super::{Broker, DeadLetterError, dead_queue};

/// Who published a message first; a consumer trusts it from its own login and from the administrator.
const ORIGIN_USER: &str = "x-origin-user";
/// How often a message has been tried; a replay starts from the beginning.
const ATTEMPT: &str = "x-attempt";
/// What the broker noted about deaths; it would count on from there.
const DEATH_HEADERS: [&str; 8] = [
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    "x-delivery-count",
];

/// Which dead letters are meant.
#[derive(Clone, Debug)]
pub struct Which {
    /// Only the message with this id; all when absent.
    pub id: Option<String>,
    /// How many at most.
    pub limit: u32,
}

impl Broker {
    /// Gives dead letters back to their queue and returns how many.
    ///
    /// # Errors
    /// When there is no such queue, or the broker fails; then the message in hand stays dead.
    pub async fn replay(&self, queue: &str, which: &Which) -> Result<u32, DeadLetterError> {
        let dead = dead_queue(queue)?;
        let connection = lapin::Connection::connect(
            &self.amqp_uri(),
            ConnectionProperties::default().with_connection_name("courseplatform-admin".into()),
        )
        .await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let replayed = self.replay_all(&channel, queue, &dead, which).await;
        connection.close(200, "done".into()).await?;
        replayed
    }

    async fn replay_all(
        &self,
        channel: &Channel,
        queue: &str,
        dead: &str,
        which: &Which,
    ) -> Result<u32, DeadLetterError> {
        let mut replayed = 0;
        // Messages that are not meant are put back only at the end: put back at once they would come again.
        let mut others = Vec::new();
        while replayed < which.limit {
            let Some(message) = channel.basic_get(dead.into(), BasicGetOptions::default()).await? else {
                break;
            };
            let id = message.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
            if which.id.as_ref().is_some_and(|wanted| *wanted != id) {
                others.push(message.delivery.delivery_tag);
                continue;
            }
            let properties = self.properties(&message.properties);
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let confirmation = channel
                .basic_publish(REDELIVER.into(), queue.into(), options, &message.data, properties)
                .await?
                .await?;
            // A mandatory message that no queue took comes back inside its confirmation.
            if !matches!(confirmation, Confirmation::Ack(None)) {
                return Err(DeadLetterError::NotTaken { queue: queue.to_owned(), id });
            }
            channel.basic_ack(message.delivery.delivery_tag, BasicAckOptions::default()).await?;
            replayed += 1;
        }
        for tag in others {
            let back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            channel.basic_nack(tag, back).await?;
        }
        Ok(replayed)
    }

    /// The message's own properties, with the administrator as the publisher: the broker refuses any other.
    fn properties(&self, original: &BasicProperties) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in original.headers().iter().flat_map(FieldTable::inner) {
            if name.as_str() != ATTEMPT && !DEATH_HEADERS.contains(&name.as_str()) {
                headers.insert(name.clone(), value.clone());
            }
        }
        let has_origin = headers.inner().keys().any(|name| name.as_str() == ORIGIN_USER);
        if let (false, Some(user)) = (has_origin, original.user_id()) {
            let user = AMQPValue::LongString(LongString::from(user.as_str()));
            headers.insert(ORIGIN_USER.into(), user);
        }
        original.clone().with_headers(headers).with_user_id(self.connection.username.as_str().into())
    }

    /// The broker's address with credentials and virtual host.
    fn amqp_uri(&self) -> String {
        let encode =
            |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        // The encoding of forms writes a space as a plus sign; in a URI that is a plus sign.
        let encode = |text: &str| encode(text).replace('+', "%20");
        let scheme = self.connection.uri.as_ref().map_or("amqp", Url::scheme);
        format!(
            "{scheme}://{}:{}@{}:{}/{}",
            encode(&self.connection.username),
            encode(&self.connection.password),
            self.connection.host,
            self.connection.port_or(if scheme == "amqps" { 5671 } else { 5672 }),
            encode(&self.vhost),
        )
    }
}
