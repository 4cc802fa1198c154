//! Photos over HTTP: uploads below `/v1`, pictures below `/photos`.

use std::sync::Arc;

use axum::extract::{self, DefaultBodyLimit};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use object_store::GetRange;
use platform_auth::{Caller, scope};
use platform_http::problem::{self, ProblemType};
use platform_http::server::ServerSettings;
use platform_http::{Json, Keep, Path, Problem, Reader};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::domain::{self, Photo, PhotoError, PhotoId, Size};
use super::store::{PhotoStore, StoreError};
use crate::{PUBLIC_PREFIX, Settings};

const NOT_A_PHOTO: ProblemType = ProblemType::new(
    "not-a-photo",
    StatusCode::UNPROCESSABLE_ENTITY,
    "This is not a picture that can be kept",
);

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    photos: PhotoStore,
    server: ServerSettings,
    max_pixels: u32,
    /// Decoding takes memory by the pixel: only so many at a time.
    decodes: Arc<Semaphore>,
}

impl State {
    pub(crate) fn new(photos: PhotoStore, server: ServerSettings, settings: &Settings) -> Self {
        let permits = usize::try_from(settings.concurrent_decodes).unwrap_or(1);
        Self {
            photos,
            server,
            max_pixels: settings.max_photo_pixels,
            decodes: Arc::new(Semaphore::new(permits)),
        }
    }
}

pub(crate) fn routes(max_photo_bytes: usize) -> OpenApiRouter<State> {
    let uploads = OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::max(max_photo_bytes));
    OpenApiRouter::new().merge(uploads).routes(routes!(find)).routes(routes!(serve))
}

/// A photo that is kept.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PhotoDocument {
    /// SHA-256 of the content, 64 hexadecimal digits.
    id: String,
    renditions: Vec<RenditionDocument>,
}

/// One size of a photo.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RenditionDocument {
    /// `card` or `page`.
    size: &'static str,
    /// Its public address; the content behind it never changes.
    url: String,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
}

/// Keeps a photo: JPEG, PNG or WebP, as the request's body.
#[utoipa::path(
    post, path = "/v1/photos", tag = "photos",
    security(("access_token" = ["photo.write"])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "Kept; `Location` names it", body = PhotoDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 413, description = "Too many bytes"),
        (status = 422, description = "Not a picture that can be kept"),
    ),
)]
async fn upload(
    extract::State(state): extract::State<State>,
    _caller: Caller<scope::PhotoWrite>,
    body: Result<Bytes, extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    let upload = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => problem::TOO_LARGE.detail("send a smaller picture"),
        _ => problem::MALFORMED.detail("the upload ended before it was complete"),
    })?;
    let photo = render(&state, upload).await?;
    state.photos.put(&photo).await?;
    let location = state.server.public(PUBLIC_PREFIX, &format!("/v1/photos/{}", photo.id));
    let location = HeaderValue::try_from(location.as_str()).map_err(|error| Problem::internal(&error))?;
    let document = document(&state, &photo);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(document)).into_response())
}

/// Decodes on a thread for computation, within the bound on how many at a time.
async fn render(state: &State, upload: Bytes) -> Result<Photo, Problem> {
    let permit = state.decodes.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
    let max_pixels = state.max_pixels;
    let rendered = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        domain::render(&upload, max_pixels)
    });
    let rendered = rendered.await.map_err(|error| Problem::internal(&error))?;
    rendered.map_err(|error| match error {
        PhotoError::Encoding => Problem::internal(&error),
        PhotoError::UnknownType | PhotoError::TooManyPixels(_) | PhotoError::Damaged => {
            NOT_A_PHOTO.detail(error.to_string())
        }
    })
}

fn document(state: &State, photo: &Photo) -> PhotoDocument {
    let renditions = photo.renditions.iter().map(|rendition| RenditionDocument {
        size: rendition.size.as_str(),
        url: public_url(state, &photo.id, rendition.size),
        width: rendition.width,
        height: rendition.height,
    });
    PhotoDocument { id: photo.id.to_string(), renditions: renditions.collect() }
}

fn public_url(state: &State, id: &PhotoId, size: Size) -> String {
    state.server.public("/photos", &format!("/{id}/{}.webp", size.as_str())).to_string()
}

/// Where a photo's sizes are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PhotoLinks {
    id: String,
    /// Public addresses by size.
    card: String,
    page: String,
}

/// Says where a photo's sizes are.
#[utoipa::path(
    get, path = "/v1/photos/{id}", tag = "photos",
    params(("id" = String, Path), ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read")),
    responses(
        (status = 200, body = PhotoLinks, headers(
            ("Cache-Control" = String, description = "Visitors may share it for two seconds"),
            ("ETag" = String, description = "Of this answer"),
        )),
        (status = 304, description = "The caller has it already"),
        (status = 404, description = "No such photo"),
    ),
)]
async fn find(
    extract::State(state): extract::State<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: PhotoId = id.parse().map_err(|()| Problem::from(problem::NOT_FOUND))?;
    // One byte shows that it is there.
    let there = state.photos.get(&id, Size::Page, Some(GetRange::Bounded(0..1))).await?;
    there.ok_or(problem::NOT_FOUND)?;
    reader.document(&PhotoLinks {
        card: public_url(&state, &id, Size::Card),
        page: public_url(&state, &id, Size::Page),
        id: id.to_string(),
    })
}

/// Serves a picture. Immutable: `ETag` is its id, ranges are served.
#[utoipa::path(
    get, path = "/photos/{id}/{file}", tag = "photos",
    params(
        ("id" = String, Path),
        ("file" = String, Path, description = "card.webp or page.webp"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read"),
    ),
    responses(
        (status = 200, description = "The picture", content_type = "image/webp", headers(
            ("Cache-Control" = String, description = "Everybody may keep it for ever"),
            ("ETag" = String, description = "Of this picture in this size"),
        )),
        (status = 206, description = "The part asked for", content_type = "image/webp"),
        (status = 304, description = "The caller has it already"),
        (status = 404, description = "No such picture"),
        (status = 416, description = "The picture has no such part"),
    ),
)]
async fn serve(
    extract::State(state): extract::State<State>,
    reader: Reader,
    Path((id, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let nothing = || Problem::from(problem::NOT_FOUND);
    let id: PhotoId = id.parse().map_err(|()| nothing())?;
    let size: Size = file.strip_suffix(".webp").ok_or_else(nothing)?.parse().map_err(|()| nothing())?;
    let tag = format!("\"{id}-{}\"", size.as_str());
    let tag = HeaderValue::try_from(tag).map_err(|error| Problem::internal(&error))?;
    let range = range(&headers, &tag);
    let part = state.photos.get(&id, size, range.clone()).await;
    let part = match part {
        Err(_) if range.is_some() => return unsatisfiable(&state, &id, size).await,
        part => part?.ok_or_else(nothing)?,
    };
    let common = [
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CONTENT_TYPE, HeaderValue::from_static("image/webp")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    // Content-addressed: it never changes.
    let kept = |whole: Response| reader.answer(Keep::Forever, tag, whole);
    if range.is_none() {
        return Ok(kept((common, part.bytes).into_response()));
    }
    let content_range =
        format!("bytes {}-{}/{}", part.range.start, part.range.end.saturating_sub(1), part.total);
    let content_range = HeaderValue::try_from(content_range).map_err(|error| Problem::internal(&error))?;
    let part = (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, content_range)], common, part.bytes);
    Ok(kept(part.into_response()))
}

/// The one range of `Range: bytes=…` (RFC 9110 §14.2). Several ranges, other units and what can't be parsed
/// are ignored, as the RFC allows; so is a range for another version (`If-Range`).
fn range(headers: &HeaderMap, tag: &HeaderValue) -> Option<GetRange> {
    if headers.get(header::IF_RANGE).is_some_and(|wanted| wanted != tag) {
        return None;
    }
    let (first, last) = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => last.parse().ok().map(GetRange::Suffix),
        (first, "") => first.parse().ok().map(GetRange::Offset),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then(|| GetRange::Bounded(first..last.saturating_add(1)))
        }
    }
}

async fn unsatisfiable(state: &State, id: &PhotoId, size: Size) -> Result<Response, Problem> {
    let whole = state.photos.get(id, size, None).await?.ok_or(problem::NOT_FOUND)?;
    let content_range = HeaderValue::try_from(format!("bytes */{}", whole.total));
    let content_range = content_range.map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, content_range)]).into_response())
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable("photos-volume", &error)
    }
}
