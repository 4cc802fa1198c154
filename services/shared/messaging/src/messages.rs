//! The data of every type of message that crosses the broker.
//!
//! It stands here, between producer and consumers, so that neither depends on the other. Who publishes and
//! who consumes a type is in the table of `platform-components`. A change that an old consumer would not
//! understand is a new type with the next version. docs/events.md is generated from both; a test compares.

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The data of one type of message.
pub trait Message: Serialize + DeserializeOwned + JsonSchema {
    /// `<service>.<aggregate>.<verb>.v<n>`.
    const TYPE: &'static str;
}

/// A course has a new name. The subject is the course, the version its revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CourseRenamed {
    /// Which course.
    pub course_id: Uuid,
    /// Its new name.
    pub name: String,
}

impl Message for CourseRenamed {
    const TYPE: &'static str = "catalog.course.renamed.v1";
}

/// Each type with the JSON Schema of its data, in the order of docs/events.md.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![schema::<CourseRenamed>()]
}

fn schema<M: Message>() -> (&'static str, Schema) {
    (M::TYPE, schema_for!(M))
}
