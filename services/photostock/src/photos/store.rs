//! Photos in a folder, or any bucket that `object_store` speaks to.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutPayload};
use platform_http::server::{CheckError, Dependency, Need};
use platform_service::StartError;

use super::domain::{Photo, PhotoId, Size};

/// The store has no answer.
#[derive(Debug, thiserror::Error)]
#[error("the photo store failed")]
pub(crate) struct StoreError(#[from] object_store::Error);

/// Where photos are kept. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PhotoStore {
    objects: Arc<dyn ObjectStore>,
    name: &'static str,
}

/// A part of a stored rendition.
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    /// First byte, and one past the last.
    pub(crate) range: std::ops::Range<u64>,
    /// Size of the whole rendition in bytes.
    pub(crate) total: u64,
}

impl PhotoStore {
    /// A store in `folder`.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub(crate) fn open(folder: &Path) -> Result<Self, StartError> {
        let objects = object_store::local::LocalFileSystem::new_with_prefix(folder)?;
        Ok(Self { objects: Arc::new(objects), name: "photos-volume" })
    }

    /// Keeps all renditions. Content-addressed: keeping the same photo again changes nothing.
    pub(crate) async fn put(&self, photo: &Photo) -> Result<(), StoreError> {
        for rendition in &photo.renditions {
            let payload = PutPayload::from_bytes(rendition.bytes.clone());
            self.objects.put(&key(&photo.id, rendition.size), payload).await?;
        }
        Ok(())
    }

    /// The bytes of a rendition, or the part that `range` asks for. `None` when it is not here.
    pub(crate) async fn get(
        &self,
        id: &PhotoId,
        size: Size,
        range: Option<GetRange>,
    ) -> Result<Option<Part>, StoreError> {
        let options = GetOptions { range, ..GetOptions::default() };
        let found = match self.objects.get_opts(&key(id, size), options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (range, total) = (found.range.clone(), found.meta.size);
        Ok(Some(Part { bytes: found.bytes().await?, range, total }))
    }

    /// The dependency: hard, the service's own store. Looks whether it can be written to.
    pub(crate) fn dependency(&self) -> Dependency {
        let objects = self.objects.clone();
        Dependency::new(self.name, Need::Hard, move || {
            let objects = objects.clone();
            async move {
                let probe = Key::from("probe");
                objects.put(&probe, PutPayload::from_static(b"ok")).await.map_err(CheckError::new)?;
                objects.head(&probe).await.map(drop).map_err(CheckError::new)
            }
        })
    }
}

/// Two levels, so that no folder gets too many entries.
fn key(id: &PhotoId, size: Size) -> Key {
    let id = id.to_string();
    Key::from(format!("photos/{}/{id}/{}.webp", &id[..2], size.as_str()))
}
