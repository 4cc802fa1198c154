//! Forms as pages show them, and again with what is wrong.

use http::StatusCode;

use crate::accounts::Unacceptable;
use crate::pages::layout::Layout;

/// One line of a form.
pub(in crate::pages) struct Field {
    pub(in crate::pages) id: String,
    pub(in crate::pages) name: &'static str,
    pub(in crate::pages) label: String,
    pub(in crate::pages) hint: Option<String>,
    pub(in crate::pages) error: Option<String>,
    pub(in crate::pages) kind: &'static str,
    pub(in crate::pages) autocomplete: &'static str,
    pub(in crate::pages) value: String,
    pub(in crate::pages) optional: bool,
    /// Nothing but digits is typed: phones show those.
    pub(in crate::pages) digits: bool,
}

impl Field {
    /// A line with the label `field-<label>`.
    pub(in crate::pages) fn new(
        layout: &Layout,
        name: &'static str,
        kind: &'static str,
        autocomplete: &'static str,
    ) -> Self {
        Self {
            id: name.to_owned(),
            name,
            label: layout.text(&format!("field-{}", name.replace('_', "-"))),
            hint: None,
            error: None,
            kind,
            autocomplete,
            value: String::new(),
            optional: false,
            digits: false,
        }
    }

    /// Filled in. Passwords never are.
    pub(in crate::pages) fn with(mut self, value: &str) -> Self {
        if self.kind != "password" {
            value.clone_into(&mut self.value);
        }
        self
    }

    pub(in crate::pages) fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(in crate::pages) fn digits(mut self) -> Self {
        self.digits = true;
        self
    }

    pub(in crate::pages) fn hint(mut self, layout: &Layout, key: &str) -> Self {
        self.hint = Some(layout.text(key));
        self
    }

    /// With another id, where a page has two lines of a name.
    pub(in crate::pages) fn identified(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// With another label.
    pub(in crate::pages) fn labelled(mut self, layout: &Layout, key: &str) -> Self {
        self.label = layout.text(key);
        self
    }

    /// With what is wrong with it, when something is.
    pub(in crate::pages) fn wrong<T>(mut self, layout: &Layout, checked: &Result<T, Unacceptable>) -> Self {
        self.error = checked.as_ref().err().map(|error| layout.text(error.key));
        self
    }

    /// For `aria-describedby`.
    pub(in crate::pages) fn described_by(&self) -> String {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.id));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.id));
        hint.into_iter().chain(error).collect::<Vec<_>>().join(" ")
    }
}

/// How a form's button looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pages) enum Look {
    /// What the page is for.
    Primary,
    /// One of several things to do.
    Secondary,
    /// What can't be undone.
    Danger,
}

impl Look {
    /// Its class in the style sheet.
    pub(in crate::pages) fn class(self) -> &'static str {
        match self {
            Self::Primary => "button primary",
            Self::Secondary => "button",
            Self::Danger => "button danger",
        }
    }
}

/// A form as a page shows it.
pub(in crate::pages) struct FormView {
    pub(in crate::pages) action: String,
    pub(in crate::pages) fields: Vec<Field>,
    pub(in crate::pages) hidden: Vec<(&'static str, String)>,
    pub(in crate::pages) button: String,
    pub(in crate::pages) look: Look,
    /// What is wrong with all of it.
    pub(in crate::pages) error: Option<String>,
    /// What stands above everything that is wrong; that it is to be corrected when absent.
    pub(in crate::pages) error_title: Option<String>,
}

impl FormView {
    pub(in crate::pages) fn new(action: impl Into<String>, button: String, fields: Vec<Field>) -> Self {
        Self {
            action: action.into(),
            fields,
            hidden: Vec::new(),
            button,
            look: Look::Primary,
            error: None,
            error_title: None,
        }
    }

    pub(in crate::pages) fn has_errors(&self) -> bool {
        self.error.is_some() || self.fields.iter().any(|field| field.error.is_some())
    }

    /// 422 when something is wrong with it.
    pub(in crate::pages) fn status(&self) -> StatusCode {
        if self.has_errors() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
