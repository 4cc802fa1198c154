//! An object as it goes to the server: what *build* wants, and beside it who it belongs to and a hash
//! of all that, by which a later pass, also after a restart, knows that nothing has to be written.

use courseplatform_api::GROUP;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::build::Wanted;
use crate::children::{APPLIED_ANNOTATION, ChildKey, Kind, PlatformKey, RETAINED_ANNOTATION};

/// The platform that children belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its place.
    pub key: PlatformKey,
    /// Its identity.
    pub uid: String,
    /// Its value of the annotation that lets failed Jobs start again.
    pub retry: Option<String>,
}

impl Owner {
    /// The reference that makes Kubernetes delete a child with its platform. kube's
    /// `controller_owner_ref` leaves `blockOwnerDeletion` out.
    #[must_use]
    pub fn reference(&self) -> Value {
        json!({
            "apiVersion": format!("{GROUP}/v1alpha1"),
            "kind": "CoursePlatform",
            "name": self.key.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }

    /// What says whose a child is: an owner reference, or for what outlives the platform an annotation.
    /// The other one is null, which a merge patch understands as "take it away".
    #[must_use]
    pub fn belonging(&self, keep: bool) -> (Value, Value) {
        if keep {
            (Value::Null, Value::from(self.uid.clone()))
        } else {
            (json!([self.reference()]), Value::Null)
        }
    }
}

/// An object ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Complete {
    /// Where it is.
    pub key: ChildKey,
    /// Whether it outlives the platform.
    pub keep: bool,
    /// The hash that is also in the object's annotation.
    pub hash: String,
    /// The whole object.
    pub object: Value,
}

/// Completes an object of a plan, which it takes out of `wanted`; `None` when its kind isn't one that the operator
/// handles, which a test of *build* excludes.
#[must_use]
pub fn complete(owner: &Owner, wanted: &mut Wanted) -> Option<Complete> {
    let kind = Kind::of(wanted.api_version(), wanted.kind())?;
    let key = ChildKey { kind, name: wanted.name().to_owned() };
    let mut object = std::mem::take(&mut wanted.object);
    let metadata = child(object.as_object_mut()?, "metadata")?;
    metadata.insert("namespace".to_owned(), Value::from(owner.key.namespace.clone()));
    let (references, retained) = owner.belonging(wanted.keep);
    if !references.is_null() {
        metadata.insert("ownerReferences".to_owned(), references);
    }
    let annotations = child(metadata, "annotations")?;
    if !retained.is_null() {
        annotations.insert(RETAINED_ANNOTATION.to_owned(), retained);
    }
    if let (Kind::Job, Some(retry)) = (kind, &owner.retry) {
        annotations.insert(crate::labels::RETRY_ANNOTATION.to_owned(), Value::from(retry.clone()));
    }
    let hash = hash(&object);
    let annotations = child(child(object.as_object_mut()?, "metadata")?, "annotations")?;
    annotations.insert(APPLIED_ANNOTATION.to_owned(), Value::from(hash.clone()));
    Some(Complete { key, keep: wanted.keep, hash, object })
}

/// The object under a name, made when it isn't there.
fn child<'a>(parent: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    parent.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

fn hash(object: &Value) -> String {
    let digest = Sha256::digest(object.to_string());
    hex::encode(digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Part, Stage};

    fn owner(uid: &str) -> Owner {
        let key = PlatformKey { namespace: "courses".to_owned(), name: "demo".to_owned() };
        Owner { key, uid: uid.to_owned(), retry: None }
    }

    fn claim(keep: bool) -> Wanted {
        let object = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}});
        Wanted { part: Part::Platform, stage: Stage::Base, keep, object }
    }

    #[test]
    fn what_is_kept_has_an_annotation_and_no_owner() {
        let complete = complete(&owner("u1"), &mut claim(true)).unwrap();
        assert_eq!(complete.object["metadata"]["annotations"][RETAINED_ANNOTATION], "u1");
        assert!(complete.object["metadata"].get("ownerReferences").is_none());
    }

    #[test]
    fn what_goes_with_the_platform_blocks_its_deletion() {
        let complete = complete(&owner("u1"), &mut claim(false)).unwrap();
        let reference = &complete.object["metadata"]["ownerReferences"][0];
        assert_eq!((&reference["uid"], &reference["blockOwnerDeletion"]), (&json!("u1"), &json!(true)));
    }

    #[test]
    fn the_hash_tells_policies_and_owners_apart() {
        let hash = |uid: &str, keep| complete(&owner(uid), &mut claim(keep)).unwrap().hash;
        assert_eq!(hash("u1", true), hash("u1", true));
        assert_ne!(hash("u1", true), hash("u1", false));
        assert_ne!(hash("u1", true), hash("u2", true));
    }
}
