//! CloudEvents 1.0 in structured JSON, the one form in which components talk over the broker.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::messages::Message;

/// Content type of a message (CloudEvents JSON format, section 3).
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// A larger message is neither written nor read. Events carry ids and names, never files.
pub const LARGEST_EVENT_BYTES: usize = 256 * 1024;

/// CloudEvents' `Integer` has 32 bits.
const LARGEST_VERSION: i64 = i32::MAX as i64;
const LONGEST_ATTRIBUTE: usize = 200;

/// Why something is no message of this platform.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Beyond [`LARGEST_EVENT_BYTES`].
    #[error("the event has {bytes} bytes, at most {LARGEST_EVENT_BYTES} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No JSON, or an attribute is missing or of a wrong type.
    #[error("the event is malformed: {0}")]
    Malformed(#[source] serde_json::Error),
    /// An attribute has a value that no component writes.
    #[error("the event's {attribute} {reason}")]
    Attribute {
        /// Its name in CloudEvents.
        attribute: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The table of messages (`platform-components`) does not let this service publish this type.
    #[error("{service} does not publish {kind}, says the table of messages")]
    NotInTable {
        /// The event's type.
        kind: String,
        /// Who wanted to publish it.
        service: String,
    },
    /// `data` is not what its type promises.
    #[error("the data of {kind} is malformed: {source}")]
    Data {
        /// The event's type.
        kind: String,
        /// What serde said.
        source: serde_json::Error,
    },
}

/// One message: what happened (or shall happen) to one aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent {
    specversion: SpecVersion,
    /// Unique for its source; a consumer handles it once.
    pub id: Uuid,
    /// `/services/<service>`: who says so.
    pub source: String,
    /// `<service>.<aggregate>.<verb>.v<n>`; also the routing key.
    #[serde(rename = "type")]
    pub kind: String,
    /// Id of the aggregate. Messages with the same subject are published in order.
    pub subject: String,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    #[serde(default)]
    datacontenttype: JsonContent,
    /// Where the schema of `data` is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// Version of the aggregate after the change: the last one wins, in whatever order messages arrive.
    #[serde(rename = "aggregateversion")]
    pub aggregate_version: i64,
    /// W3C trace context of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What its type says; see [`CloudEvent::data`].
    data: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum JsonContent {
    #[default]
    #[serde(rename = "application/json")]
    Json,
}

impl CloudEvent {
    /// A new message of `service` about the aggregate `subject`, which has `aggregate_version` after the
    /// change. It continues the trace of the current span.
    ///
    /// # Errors
    /// When the data can't be written as JSON, or the subject or version is out of bounds.
    pub fn new<M: Message>(
        service: &str,
        subject: impl Into<String>,
        aggregate_version: i64,
        data: &M,
    ) -> Result<Self, EventError> {
        let data = serde_json::to_value(data)
            .map_err(|source| EventError::Data { kind: M::TYPE.to_owned(), source })?;
        let event = Self {
            specversion: SpecVersion::V1,
            id: Uuid::now_v7(),
            source: format!("/services/{service}"),
            kind: M::TYPE.to_owned(),
            subject: subject.into(),
            time: OffsetDateTime::now_utc(),
            datacontenttype: JsonContent::Json,
            dataschema: None,
            aggregate_version,
            traceparent: platform_telemetry::propagation::current_traceparent(),
            data,
        };
        event.validate()?;
        Ok(event)
    }

    /// Reads a message as it came from the broker.
    ///
    /// # Errors
    /// When it is too large, no CloudEvent, or an attribute breaks the platform's rules.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > LARGEST_EVENT_BYTES {
            return Err(EventError::TooLarge { bytes: bytes.len() });
        }
        let event: Self = serde_json::from_slice(bytes).map_err(EventError::Malformed)?;
        event.validate()?;
        Ok(event)
    }

    /// The message as JSON.
    ///
    /// # Errors
    /// When it is too large or breaks the platform's rules.
    pub fn to_json(&self) -> Result<String, EventError> {
        self.validate()?;
        let text = serde_json::to_string(self).map_err(EventError::Malformed)?;
        if text.len() > LARGEST_EVENT_BYTES {
            return Err(EventError::TooLarge { bytes: text.len() });
        }
        Ok(text)
    }

    /// The data, when this is a message of type `M`; `None` when it is of another type.
    ///
    /// # Errors
    /// When the type fits and the data does not.
    pub fn data<M: Message + DeserializeOwned>(&self) -> Result<Option<M>, EventError> {
        if self.kind != M::TYPE {
            return Ok(None);
        }
        let data = M::deserialize(&self.data)
            .map_err(|source| EventError::Data { kind: self.kind.clone(), source })?;
        Ok(Some(data))
    }

    /// The service that wrote it, as `source` says. Whether that is true, the consumer has checked.
    #[must_use]
    pub fn service(&self) -> &str {
        self.source.strip_prefix("/services/").unwrap_or_default()
    }

    fn validate(&self) -> Result<(), EventError> {
        let refuse = |attribute, reason| Err(EventError::Attribute { attribute, reason });
        if !is_name(self.service()) {
            return refuse("source", "must be /services/<service>");
        }
        if !is_type(&self.kind) {
            return refuse("type", "must be <service>.<aggregate>.<verb>.v<n>");
        }
        if self.subject.is_empty() || self.subject.len() > LONGEST_ATTRIBUTE {
            return refuse("subject", "must have between 1 and 200 bytes");
        }
        if !(0..=LARGEST_VERSION).contains(&self.aggregate_version) {
            return refuse("aggregateversion", "must be between 0 and 2147483647");
        }
        if self.traceparent.as_ref().is_some_and(|it| it.len() > LONGEST_ATTRIBUTE) {
            return refuse("traceparent", "must have at most 200 bytes");
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_type(text: &str) -> bool {
    let Some((name, version)) = text.rsplit_once(".v") else { return false };
    let version_is_number = (1..=4).contains(&version.len()) && version.bytes().all(|it| it.is_ascii_digit());
    version_is_number && name.split('.').count() == 3 && name.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::CourseRenamed;

    fn renamed() -> CloudEvent {
        let course_id = Uuid::now_v7();
        let data = CourseRenamed { course_id, name: "Rust'a giriş".to_owned() };
        CloudEvent::new("catalog", course_id.to_string(), 7, &data).unwrap()
    }

    fn with(attribute: &str, value: Value) -> Result<CloudEvent, EventError> {
        let mut json = serde_json::to_value(renamed()).unwrap();
        json[attribute] = value;
        CloudEvent::parse(json.to_string().as_bytes())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let event = renamed();
        let read = CloudEvent::parse(event.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(read, event);
        assert_eq!(read.service(), "catalog");
        assert_eq!(read.data::<CourseRenamed>().unwrap().unwrap().name, "Rust'a giriş");
    }

    #[test]
    fn the_json_has_the_attributes_of_cloudevents() {
        let json: Value = serde_json::from_str(&renamed().to_json().unwrap()).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["source"], "/services/catalog");
        assert_eq!(json["type"], "catalog.course.renamed.v1");
        assert_eq!(json["datacontenttype"], "application/json");
        assert_eq!(json["aggregateversion"], 7);
        assert_eq!(json["id"].as_str().unwrap().parse::<Uuid>().unwrap().get_version_num(), 7);
    }

    #[test]
    fn attributes_that_no_component_writes_are_refused_by_name() {
        for (attribute, value) in [
            ("source", "https://elsewhere".into()),
            ("source", "/services/".into()),
            ("type", "renamed".into()),
            ("type", "catalog.course.renamed.vX".into()),
            ("type", "catalog.#.renamed.v1".into()),
            ("subject", "".into()),
            ("subject", "x".repeat(201).into()),
            ("aggregateversion", (-1).into()),
            ("aggregateversion", (1_i64 << 31).into()),
            ("traceparent", "x".repeat(201).into()),
        ] {
            let error = with(attribute, value).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the event's {attribute} ")), "{error}");
        }
    }

    #[test]
    fn what_is_no_cloudevent_is_malformed() {
        for (attribute, value) in [
            ("specversion", "0.3".into()),
            ("id", 1.into()),
            ("time", "yesterday".into()),
            ("type", Value::Null),
        ] {
            assert!(matches!(with(attribute, value), Err(EventError::Malformed(_))), "{attribute}");
        }
        assert!(matches!(CloudEvent::parse(b"{"), Err(EventError::Malformed(_))));
        let deep = "[".repeat(100_000);
        assert!(matches!(CloudEvent::parse(deep.as_bytes()), Err(EventError::Malformed(_))));
    }

    #[test]
    fn a_huge_message_is_refused_unread() {
        let huge = vec![b' '; LARGEST_EVENT_BYTES + 1];
        assert!(
            matches!(CloudEvent::parse(&huge), Err(EventError::TooLarge { bytes }) if bytes == huge.len())
        );
        let data = CourseRenamed { course_id: Uuid::now_v7(), name: "x".repeat(LARGEST_EVENT_BYTES) };
        let event = CloudEvent::new("catalog", "course", 1, &data).unwrap();
        assert!(matches!(event.to_json(), Err(EventError::TooLarge { .. })));
    }

    #[test]
    fn data_of_another_type_is_none_and_wrong_data_an_error() {
        assert!(
            with("type", "catalog.course.archived.v1".into())
                .unwrap()
                .data::<CourseRenamed>()
                .unwrap()
                .is_none()
        );
        let error = with("data", 5.into()).unwrap().data::<CourseRenamed>().unwrap_err();
        assert!(error.to_string().starts_with("the data of catalog.course.renamed.v1 is malformed"));
    }
}
