//! What the pages of all components have in common: two languages and how one is chosen, the style sheet's tokens and
//! its base, files with a hash in their address, headers that protect, and what a path that is followed may be.
//!
//! What a page says and shows is its component's business; there is no template and no text here.

mod asset;
mod language;
mod path;

use http::{HeaderName, header};

pub use asset::{Asset, serve};
pub use language::{Choice, Language};
pub use path::is_local;

/// What every page is answered with beside its own `content-security-policy`.
pub const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: that makes browsers send `Origin: null` with forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];
