//! Labels and annotations of the operator's objects, as far as anything but the builders reads them.

/// Who manages an object; every child carries it, and every watch selects by it.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub(crate) const OPERATOR: &str = "courseplatform-operator";
/// The platform that an object belongs to, by name.
pub(crate) const INSTANCE: &str = "app.kubernetes.io/instance";
/// The component or server that an object belongs to.
pub(crate) const COMPONENT: &str = "app.kubernetes.io/component";
/// The release that an object is of.
pub(crate) const VERSION: &str = "app.kubernetes.io/version";

/// On the Secret of an OAuth client: the client's id. Such a Secret opens no data, so it may be deleted.
pub(crate) const CLIENT: &str = "courseplatform.dev/oauth-client";

/// On a platform: a new value makes failed Jobs start again.
pub(crate) const RETRY_ANNOTATION: &str = "courseplatform.dev/retry";

/// The selector of everything that the operator made.
#[must_use]
pub(crate) fn selector() -> String {
    format!("{MANAGED_BY}={OPERATOR}")
}
