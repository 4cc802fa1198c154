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

/// Somebody has an account. The subject is the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegistered {
    /// Whose account.
    pub user_id: Uuid,
    /// When it was made, as RFC 3339 in UTC.
    pub occurred_at: String,
}

impl Message for UserRegistered {
    const TYPE: &'static str = "identity.user.registered.v1";
}

/// A user has another role. The subject is the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleGranted {
    /// Whose role.
    pub user_id: Uuid,
    /// Which one: student, instructor or admin.
    pub role: String,
}

impl Message for RoleGranted {
    const TYPE: &'static str = "identity.role.granted.v1";
}

/// An account is gone, and what others know of its user has to go too. The subject is the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserDeleted {
    /// Whose account.
    pub user_id: Uuid,
}

impl Message for UserDeleted {
    const TYPE: &'static str = "identity.user.deleted.v1";
}

/// Each type with the JSON Schema of its data, in the order of docs/events.md.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        schema::<CourseRenamed>(),
        schema::<UserRegistered>(),
        schema::<RoleGranted>(),
        schema::<UserDeleted>(),
    ]
}

fn schema<M: Message>() -> (&'static str, Schema) {
    (M::TYPE, schema_for!(M))
}
