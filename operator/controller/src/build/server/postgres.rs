//! PostgreSQL.

use platform_components::ServerKind;
use serde_json::{Value, json};

use super::{ADMIN, Recipe, port, with};
use crate::build::pod::environment;
use crate::validate::ManagedServer;

const DATA_PATH: &str = "/var/lib/postgresql/data";

pub(super) fn recipe(server: &ManagedServer) -> Recipe {
    let mut arguments = vec!["postgres".to_owned(), "-c".to_owned(), "listen_addresses=*".to_owned()];
    for (key, value) in &server.config {
        arguments.extend(["-c".to_owned(), format!("{key}={value}")]);
    }
    let container = json!({
        "args": arguments,
        "env": environment([
            ("POSTGRES_USER", "postgres".to_owned()),
            ("POSTGRES_PASSWORD_FILE", format!("{ADMIN}/password")),
            // A folder of its own: the volume's root may belong to root or hold lost+found, and
            // PostgreSQL wants 0700.
            ("PGDATA", format!("{DATA_PATH}/pgdata")),
        ]),
        "ports": [port(ServerKind::Postgres)],
    });
    Recipe {
        data_path: DATA_PATH,
        container: with(container, probes()),
        mounts: vec![json!({"name": "run", "mountPath": "/var/run/postgresql"})],
        volumes: vec![json!({"name": "run", "emptyDir": {"sizeLimit": "16Mi"}})],
        config: None,
        grace_seconds: 60,
    }
}

/// Over TCP, because the entrypoint's temporary server of the first start listens on the socket only.
fn probes() -> [(&'static str, Value); 3] {
    let probe = |period: u32, failures: u32| {
        json!({
            "exec": {"command": ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=postgres"]},
            "periodSeconds": period,
            "timeoutSeconds": 3,
            "failureThreshold": failures,
        })
    };
    // Alive is who listens: a server in recovery refuses sessions for as long as it takes.
    let alive = json!({
        "tcpSocket": {"port": ServerKind::Postgres.as_str()},
        "periodSeconds": 10,
        "timeoutSeconds": 3,
        "failureThreshold": 6,
    });
    [("startupProbe", probe(1, 600)), ("livenessProbe", alive), ("readinessProbe", probe(3, 2))]
}
