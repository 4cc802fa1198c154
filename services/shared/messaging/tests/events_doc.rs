//! docs/events.md against the code: every message of the table, its schema, and who writes and reads it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::fmt::Write as _;

use platform_components::{MessageKind, components, messages};
use platform_messaging::messages::schemas;
use platform_testkit::golden;

const BEGIN: &str =
    "<!-- generated from here: UPDATE=1 cargo test -p platform-messaging --test events_doc -->\n";

#[test]
fn every_message_of_the_table_has_data_and_the_other_way_round() {
    let mut in_table: Vec<_> = messages().iter().map(|message| message.name).collect();
    let mut described: Vec<_> = schemas().into_iter().map(|(name, _)| name).collect();
    in_table.sort_unstable();
    described.sort_unstable();
    assert_eq!(in_table, described);
}

#[test]
fn the_catalogue_in_docs_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/events.md");
    let committed = std::fs::read_to_string(path).unwrap();
    let (written, _) = committed.split_once(BEGIN).expect("docs/events.md has lost its marker");
    golden(path, &format!("{written}{BEGIN}{}", catalogue()));
}

fn catalogue() -> String {
    let mut text = String::new();
    for (name, schema) in schemas() {
        let message = messages().iter().find(|it| it.name == name).unwrap();
        let kind = match message.kind {
            MessageKind::Event => "An event",
            MessageKind::Command => "A command",
        };
        let queues: Vec<_> = components()
            .iter()
            .flat_map(|component| component.consumes)
            .filter(|queue| queue.messages.contains(&name))
            .map(|queue| format!("`{}`", queue.name))
            .collect();
        let json = serde_json::to_string_pretty(&schema).unwrap();
        write!(
            text,
            "\n### `{name}`\n\n{}. {kind} of {}{}; consumed from {}.\n\n```json\n{json}\n```\n",
            capitalised(message.meaning),
            message.publisher,
            if message.mandatory { ", mandatory" } else { "" },
            if queues.is_empty() { "no queue".to_owned() } else { queues.join(", ") },
        )
        .unwrap();
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
