//! Every message that travels between components. Names are `<service>.<aggregate>.<verb>.v1`
//! (DESIGN §3); the JSON Schemas are in docs/events.md.

use crate::Name;

/// The exchange of events.
pub const EVENTS: &str = "courseplatform.events";
/// The exchange of commands.
pub const COMMANDS: &str = "courseplatform.commands";

/// Whether a message tells what happened or asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Something has happened; anybody may listen.
    Event,
    /// Somebody is asked to do something; it is published as mandatory.
    Command,
}

impl MessageKind {
    /// The exchange that carries messages of this kind.
    #[must_use]
    pub const fn exchange(self) -> &'static str {
        match self {
            Self::Event => EVENTS,
            Self::Command => COMMANDS,
        }
    }
}

/// A type of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The CloudEvents `type`, which is also the routing key.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub meaning: &'static str,
    /// Event or command.
    pub kind: MessageKind,
    /// The only component that may publish it.
    pub publisher: Name,
    /// Whether it counts as delivered only when a queue took it: somebody is known to consume it.
    pub mandatory: bool,
}

static MESSAGES: [Message; 4] = [
    Message {
        name: "catalog.course.renamed.v1",
        meaning: "a course has a new name",
        kind: MessageKind::Event,
        publisher: Name::Catalog,
        mandatory: true,
    },
    Message {
        name: "identity.user.registered.v1",
        meaning: "somebody has an account",
        kind: MessageKind::Event,
        publisher: Name::Identity,
        mandatory: false,
    },
    Message {
        name: "identity.role.granted.v1",
        meaning: "a user has another role",
        kind: MessageKind::Event,
        publisher: Name::Identity,
        mandatory: false,
    },
    Message {
        name: "identity.user.deleted.v1",
        meaning: "an account is gone, and what others know of its user has to go too",
        kind: MessageKind::Event,
        publisher: Name::Identity,
        mandatory: false,
    },
];

/// Every type of message.
#[must_use]
pub fn messages() -> &'static [Message] {
    &MESSAGES
}

/// The message type of that name.
#[must_use]
pub fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.iter().find(|message| message.name == name)
}
