//! The feature *mail*: what is written to people. A mail waits in the database from the transaction that it is
//! about; every replica sends what is due, over SMTP or into a folder.
//!
//! What is promised: a request never waits for a mail server nor fails because of one; a mail is tried for a
//! day, and may arrive twice when a replica dies between sending and noting it. No log has an address or a link.

mod domain;
mod post;
mod sender;
mod settings;
mod store;

pub(crate) use domain::{Kind, Mail, Purpose};
pub(crate) use post::Post;
pub(crate) use sender::{Lifetimes, MailWaker, Sender};
pub use settings::MailSettings;
pub(crate) use store::{
    MailStore, PostgresMails, SqlServerMails, enqueue_in, enqueue_on_sqlserver, withdraw_in,
    withdraw_on_sqlserver,
};
