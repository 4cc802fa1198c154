//! Labels and annotations of the operator's objects, as far as anything but the builders reads them.

/// Who manages an object; every child carries it, and every watch selects by it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const OPERATOR: &str = "courseplatform-operator";
/// The platform that an object belongs to, by name.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// The component or server that an object belongs to.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The release that an object is of.
pub const VERSION: &str = "app.kubernetes.io/version";

/// On a platform: a new value makes failed Jobs start again.
pub const RETRY_ANNOTATION: &str = "courseplatform.dev/retry";

/// The selector of everything that the operator made.
#[must_use]
pub fn selector() -> String {
    format!("{MANAGED_BY}={OPERATOR}")
}
