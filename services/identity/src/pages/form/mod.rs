//! Forms: how they are read, and how they are shown again with what is wrong.

mod sent;
mod view;

pub(crate) use sent::Form;
pub(super) use sent::FormOf;
pub(super) use view::{Field, FormView, Look};
