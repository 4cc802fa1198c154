//! Files that pages refer to, built into the binary. Their addresses hold a hash of their content, so browsers may
//! keep them for ever and a new version is fetched at once.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use platform_http::Keep;
use sha2::{Digest as _, Sha256};

/// A file that pages refer to.
pub struct Asset {
    /// Its address, `<folder>/<name>-<hash>.<extension>`.
    pub path: String,
    content_type: &'static str,
    content: Vec<u8>,
}

impl Asset {
    /// A file below `folder`, such as `/assets`.
    #[must_use]
    pub fn new(
        folder: &str,
        name: &str,
        extension: &str,
        content_type: &'static str,
        content: Vec<u8>,
    ) -> Self {
        let hash = hex::encode(Sha256::digest(&content));
        let path = format!("{folder}/{name}-{}.{extension}", hash.get(..16).unwrap_or_default());
        Self { path, content_type, content }
    }

    /// A component's one style sheet: what every page has, and then its own.
    #[must_use]
    pub fn style(folder: &str, name: &str, own: &str) -> Self {
        let content = [include_str!("../assets/base.css"), own].join("\n").into_bytes();
        Self::new(folder, name, "css", "text/css; charset=utf-8", content)
    }

    /// The icon of tabs and bookmarks, everywhere the same.
    #[must_use]
    pub fn icon(folder: &str) -> Self {
        Self::new(folder, "icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg").to_vec())
    }
}

/// Answers with the one of the files that is called `file` in its folder.
#[must_use]
pub fn serve(assets: &[&Asset], file: &str) -> Response {
    let named = |asset: &&&Asset| asset.path.rsplit_once('/').is_some_and(|(_, name)| name == file);
    match assets.iter().find(named) {
        Some(asset) => {
            let kind = HeaderValue::from_static(asset.content_type);
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, Keep::Forever.value())];
            (headers, asset.content.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_the_content_and_only_the_whole_name_counts() {
        let (one, two) = (Asset::style("/assets", "shop", "a{}"), Asset::style("/assets", "shop", "b{}"));
        assert_ne!(one.path, two.path);
        let name = one.path.strip_prefix("/assets/").unwrap();
        let answer = serve(&[&two, &one], name);
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], Keep::Forever.value());
        for wrong in ["", "shop.css", &name[1..], &one.path] {
            assert_eq!(serve(&[&two, &one], wrong).status(), StatusCode::NOT_FOUND, "{wrong}");
        }
    }
}
