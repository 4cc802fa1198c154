//! Style sheet and icon, built into the binary.

use std::sync::LazyLock;

use axum::response::Response;
use platform_http::Path;
use platform_pages::Asset;

const FOLDER: &str = "/identity/assets";

/// The one style sheet.
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::style(FOLDER, "identity", include_str!("../../assets/identity.css")));

/// The icon of tabs and bookmarks.
pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::icon(FOLDER));

pub(super) async fn serve(Path(file): Path<String>) -> Response {
    platform_pages::serve(&[&STYLE, &ICON], &file)
}
