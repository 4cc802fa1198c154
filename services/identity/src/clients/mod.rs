//! The feature *clients*: who may ask for tokens. `file` keeps CLIENTS_FILE up to date, `registry` is what it
//! says in a form that requests can use, `authentication` finds out which client is calling (with `assertion`
//! for private_key_jwt). Clients come from the operator alone; nothing here changes them.

mod assertion;
mod authentication;
mod file;
mod registry;

pub(crate) use authentication::{ALGORITHMS, Authentication};
pub(crate) use file::Clients;
pub use file::ClientsPath;
pub(crate) use registry::{Client, Registry};
