//! Dead letters as the command line knows them: which queues there are, the broker's address out of a
//! connection, and what of a letter is shown. Reading and replaying them is `platform-messaging`'s business.

use platform_components::components;
use platform_messaging::dead_letters::DeadLetter;
use serde_json::{Value, json};
use url::Url;

use crate::connection::Connection;

/// Nobody consumes a queue of that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no queue {queue:?}; there are {}", queues().collect::<Vec<_>>().join(", "))]
pub struct UnknownQueue {
    /// What was asked for.
    pub queue: String,
}

/// The queues of all consumers.
pub fn queues() -> impl Iterator<Item = &'static str> {
    components().iter().flat_map(|component| component.consumes).map(|queue| queue.name)
}

/// Refuses a name that is none of [`queues`], before anybody connects.
///
/// # Errors
/// When no component consumes such a queue.
pub fn known(queue: &str) -> Result<(), UnknownQueue> {
    if queues().any(|known| known == queue) { Ok(()) } else { Err(UnknownQueue { queue: queue.to_owned() }) }
}

/// A letter as a person reads it: the body is its JSON, or its text when it is none.
#[must_use]
pub fn shown(letter: &DeadLetter) -> Value {
    let text = || Value::String(String::from_utf8_lossy(&letter.body).into_owned());
    json!({
        "id": letter.id,
        "type": letter.event.as_ref().ok().map(|event| &event.kind),
        "unreadable": letter.event.as_ref().err().map(ToString::to_string),
        "reason": letter.reason,
        "retries": letter.retries,
        "error": letter.error,
        "body": serde_json::from_slice(&letter.body).unwrap_or_else(|_| text()),
    })
}

/// The broker's address with credentials and virtual host; it holds a password.
#[must_use]
pub fn address(connection: &Connection, vhost: &str) -> String {
    // The encoding of forms writes a space as a plus sign; in a URI that is a plus sign.
    let encode = |text: &str| {
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
    };
    let scheme = connection.uri.as_ref().map_or("amqp", Url::scheme);
    format!(
        "{scheme}://{}:{}@{}:{}/{}",
        encode(&connection.username),
        encode(&connection.password),
        connection.host,
        connection.port_or(if scheme == "amqps" { 5671 } else { 5672 }),
        encode(vhost),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_nobody_consumes_is_named_as_unknown() {
        let error = known("basket.nothing").unwrap_err().to_string();
        assert!(error.contains("basket.nothing") && error.contains("basket.courses"), "{error}");
        assert!(known("basket.courses").is_ok());
    }

    #[test]
    fn an_address_is_encoded() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("host", "mq"), ("username", "ad min"), ("password", "p@ss/+")] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let folder = platform_components::provision::ConnectionFolder(folder.path().to_owned());
        let connection = Connection::read(&folder).unwrap();
        assert_eq!(address(&connection, "a/b"), "amqp://ad%20min:p%40ss%2F%2B@mq:5672/a%2Fb");
    }
}
