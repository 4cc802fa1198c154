//! Style sheet and icon, built into the binary.

use std::sync::LazyLock;

use axum::Router;
use axum::routing::get;
use platform_http::Path;
use platform_pages::Asset;

const FOLDER: &str = "/assets";

/// The one style sheet.
pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::style(FOLDER, "shop", include_str!("../assets/shop.css")));

/// The icon of tabs and bookmarks.
pub(crate) static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::icon(FOLDER));

pub(crate) fn routes() -> Router {
    let serve = async |Path(file): Path<String>| platform_pages::serve(&[&STYLE, &ICON], &file);
    Router::new().route("/assets/{file}", get(serve))
}
