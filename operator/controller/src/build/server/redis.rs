//! Redis: every write goes to the append-only file, nothing is evicted, and users are in a file of its
//! own that provisioning extends (`ACL SETUSER`, `ACL SAVE`).

use platform_components::ServerKind;
use serde_json::json;

use super::{ADMIN, Recipe, port, tcp_probes, with};
use crate::build::config_map::ConfigFile;
use crate::build::meta::server_name;
use crate::validate::{ManagedServer, ValidatedPlatform};

const CONFIG_PATH: &str = "/config";
const CONFIG_KEY: &str = "redis.conf";

pub(super) fn recipe(platform: &ValidatedPlatform, server: &ManagedServer) -> Recipe {
    // The file of users must be writable, and the first start needs one: without it the default user
    // would have every right and no password.
    let start = format!(
        "umask 077\n\
         test -s /data/users.acl || {{ cp {ADMIN}/users.acl /data/users.acl.new && mv /data/users.acl.new /data/users.acl; }} || exit 1\n\
         exec redis-server {CONFIG_PATH}/{CONFIG_KEY}\n"
    );
    let container = json!({
        "command": ["sh", "-c", start],
        "ports": [port(ServerKind::Redis)],
    });
    let config = ConfigFile::new(server_name(platform, ServerKind::Redis), CONFIG_KEY, configuration(server));
    Recipe {
        data_path: "/data",
        container: with(container, tcp_probes(ServerKind::Redis)),
        mounts: vec![json!({"name": "config", "mountPath": CONFIG_PATH, "readOnly": true})],
        volumes: Vec::new(),
        config: Some(config),
        grace_seconds: 60,
    }
}

fn configuration(server: &ManagedServer) -> String {
    let mut lines = vec![
        // Users and passwords protect it; the mode would refuse every other pod.
        "protected-mode no".to_owned(),
        "dir /data".to_owned(),
        "aclfile /data/users.acl".to_owned(),
        "appendonly yes".to_owned(),
    ];
    let defaults = [("appendfsync", "everysec"), ("maxmemory-policy", "noeviction")];
    for (key, value) in defaults {
        if !server.config.contains_key(key) {
            lines.push(format!("{key} {value}"));
        }
    }
    lines.extend(server.config.iter().map(|(key, value)| format!("{key} {value}")));
    lines.join("\n") + "\n"
}
