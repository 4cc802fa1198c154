//! Lists by cursor: `?limit=&cursor=` in, `items`, `next` and a `Link` header out.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::keep::Reader;
use crate::problem::{self, Problem};

/// How many items a page has when the caller does not say.
pub const DEFAULT_LIMIT: u16 = 24;
/// How many items a page has at most.
pub const LARGEST_LIMIT: u16 = 100;
/// A cursor of ours is far shorter; longer ones are not looked at.
const LONGEST_CURSOR: usize = 1024;

/// The query of a list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many items at most, 1 to 100; 24 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    /// Where to go on: the `next` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The number of items wanted.
    ///
    /// # Errors
    /// A 400 when it is not between 1 and 100.
    pub fn limit(&self) -> Result<u16, Problem> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=LARGEST_LIMIT => Ok(limit),
            _ => Err(problem::MALFORMED.detail("`limit` must be between 1 and 100")),
        }
    }

    /// The position after which the page begins, `None` for the first page.
    ///
    /// # Errors
    /// A 400 when the cursor is not one of ours for this list.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        Cursor::parse(cursor).map(|Cursor(key)| Some(key))
    }
}

/// A position in a list: the sort key and the id of the last item seen, opaque to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<K>(pub K);

impl<K: Serialize> Cursor<K> {
    /// The text that the caller sends back.
    ///
    /// # Errors
    /// A 500 when the key has no JSON form, which is a defect of the list.
    pub fn encode(&self) -> Result<String, Problem> {
        let json = serde_json::to_vec(&self.0).map_err(|error| Problem::internal(&error))?;
        Ok(URL_SAFE_NO_PAD.encode(json))
    }
}

impl<K: DeserializeOwned> Cursor<K> {
    fn parse(text: &str) -> Result<Self, Problem> {
        let unknown =
            || problem::MALFORMED.detail("`cursor` is not one of this list: use the `next` of a page");
        if text.len() > LONGEST_CURSOR {
            return Err(unknown());
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown())?;
        serde_json::from_slice(&json).map(Self).map_err(|_| unknown())
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit` + 1 items: the one too many only shows that there is a next page.
    ///
    /// # Errors
    /// As [`Cursor::encode`].
    pub fn from_overfetched<K: Serialize>(
        mut items: Vec<T>,
        limit: u16,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Problem> {
        let limit = usize::from(limit);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = match items.last() {
            Some(last) if more => Some(Cursor(key(last)).encode()?),
            _ => None,
        };
        Ok(Self { items, next })
    }
}

impl<T: Serialize> Page<T> {
    /// The answer, with a `Link` header to the next page below `list`, the list's public address.
    #[must_use]
    pub fn into_response_at(self, list: &Url, limit: u16) -> Response {
        let link = self.link(list, limit);
        (link, crate::Json(self)).into_response()
    }

    /// The same where everybody may read the list.
    ///
    /// # Errors
    /// As [`Reader::document`].
    pub fn answer_at(&self, list: &Url, limit: u16, reader: &Reader) -> Result<Response, Problem> {
        Ok((self.link(list, limit), reader.document(self)?).into_response())
    }

    fn link(&self, list: &Url, limit: u16) -> Option<[(HeaderName, HeaderValue); 1]> {
        let mut url = list.clone();
        let next = self.next.as_ref()?;
        url.query_pairs_mut().append_pair("limit", &limit.to_string()).append_pair("cursor", next);
        let link = HeaderValue::try_from(format!("<{url}>; rel=\"next\"")).ok()?;
        Some([(header::LINK, link)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_the_next_one_begins() {
        let page = Page::from_overfetched(vec![1, 2, 3], 2, |item| *item).unwrap();
        assert_eq!(page.items, [1, 2]);
        let query = PageQuery { limit: None, cursor: page.next };
        assert_eq!(query.after::<i32>().unwrap(), Some(2));
        assert_eq!(Page::from_overfetched(vec![1, 2], 2, |item| *item).unwrap().next, None);
    }

    #[test]
    fn foreign_cursors_and_limits_are_refused() {
        for cursor in ["", "!", "bm90IGpzb24", &"a".repeat(5000)] {
            let query = PageQuery { limit: None, cursor: Some(cursor.to_owned()) };
            assert!(query.after::<(i64, String)>().is_err(), "{cursor}");
        }
        for limit in [0, 101] {
            assert!(PageQuery { limit: Some(limit), cursor: None }.limit().is_err());
        }
    }
}
