//! MongoDB, one node without a replica set: the catalog needs neither transactions nor change streams.

use platform_components::ServerKind;
use serde_json::json;

use super::{ADMIN, Recipe, port, tcp_probes, with};
use crate::build::pod::environment;
use crate::validate::ManagedServer;

pub(super) fn recipe(server: &ManagedServer) -> Recipe {
    let mut arguments = vec!["mongod".to_owned(), "--bind_ip_all".to_owned(), "--auth".to_owned()];
    for (key, value) in &server.config {
        arguments.push(format!("--{key}"));
        arguments.extend((!value.is_empty()).then(|| value.clone()));
    }
    let container = json!({
        "args": arguments,
        "env": environment([
            ("MONGO_INITDB_ROOT_USERNAME_FILE", format!("{ADMIN}/username")),
            ("MONGO_INITDB_ROOT_PASSWORD_FILE", format!("{ADMIN}/password")),
        ]),
        "ports": [port(ServerKind::MongoDb)],
    });
    Recipe {
        data_path: "/data/db",
        container: with(container, tcp_probes(ServerKind::MongoDb)),
        mounts: vec![json!({"name": "configdb", "mountPath": "/data/configdb"})],
        volumes: vec![json!({"name": "configdb", "emptyDir": {"sizeLimit": "16Mi"}})],
        config: None,
        grace_seconds: 60,
    }
}
