//! Names that two programs must derive alike: of databases, logins, key prefixes, and of the
//! objects that the operator makes for a platform.

use sha2::{Digest, Sha256};

use crate::{Name, ServerKind};

/// What everything of one platform on a shared server starts with: `cp_<8 hex of the SHA-256 of
/// "namespace/name">`. It is also the platform's virtual host in RabbitMQ.
#[must_use]
pub fn platform_prefix(namespace: &str, platform: &str) -> String {
    let digest = Sha256::digest(format!("{namespace}/{platform}"));
    let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("cp_{hex}")
}

/// The database, or the prefix of keys, of one component: `cp_<8 hex>_<component>`.
#[must_use]
pub fn database_name(namespace: &str, platform: &str, component: Name) -> String {
    format!("{}_{component}", platform_prefix(namespace, platform))
}

/// The role that owns a database and can't log in.
#[must_use]
pub fn owner_role(database: &str) -> String {
    format!("{database}_owner")
}

/// One of the two logins that take turns, so that a password is changed without a gap: odd
/// generations of credentials use `_a`, even ones `_b`.
#[must_use]
pub fn login(database: &str, generation: u32) -> String {
    format!("{database}_{}", if generation % 2 == 1 { 'a' } else { 'b' })
}

/// The name of an object of a component: `<platform>-<component>`.
#[must_use]
pub fn object(platform: &str, component: Name) -> String {
    format!("{platform}-{component}")
}

/// The name of an object of a managed server: `<platform>-<server>`.
#[must_use]
pub fn server_object(platform: &str, server: ServerKind) -> String {
    format!("{platform}-{server}")
}

/// The Secret with a component's account on a server: `<platform>-<component>-<server>-v<N>`.
#[must_use]
pub fn account_secret(platform: &str, component: Name, server: ServerKind, generation: u32) -> String {
    format!("{platform}-{component}-{server}-v{generation}")
}

/// The Secret with the administrator's account of a managed server: `<platform>-<server>-admin-v<N>`.
#[must_use]
pub fn admin_secret(platform: &str, server: ServerKind, generation: u32) -> String {
    format!("{platform}-{server}-admin-v{generation}")
}
