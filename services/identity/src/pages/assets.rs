//! Style sheet and icon, built into the binary. Their addresses hold a hash of their content, so browsers may
//! keep them for ever and a new version is fetched at once.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use platform_http::Path;

use crate::capability::sha256;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file that pages refer to.
pub(super) struct Asset {
    /// Its address, `/identity/assets/<name>-<hash>.<extension>`.
    pub(super) path: String,
    content_type: &'static str,
    content: &'static [u8],
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        let hash = hex::encode(sha256(content));
        let path = format!("/identity/assets/{name}-{}.{extension}", hash.get(..16).unwrap_or_default());
        Self { path, content_type, content }
    }
}

/// The one style sheet.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("identity", "css", "text/css; charset=utf-8", include_bytes!("../../assets/identity.css"))
});

/// The icon of tabs and bookmarks.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")));

pub(super) async fn serve(Path(file): Path<String>) -> Response {
    let named = |asset: &&Asset| asset.path.strip_prefix("/identity/assets/") == Some(file.as_str());
    match [&*STYLE, &*ICON].into_iter().find(named) {
        Some(asset) => {
            let kind = HeaderValue::from_static(asset.content_type);
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOR_EVER)], asset.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
