//! RabbitMQ with its management API, through which provisioning makes the topology.

use platform_components::ServerKind;
use serde_json::json;

use super::{Recipe, port, tcp_probes, with};
use crate::build::config_map::ConfigFile;
use crate::build::meta::server_name;
use crate::build::pod::environment;
use crate::validate::{ManagedServer, ValidatedPlatform};

const CONFIG_KEY: &str = "rabbitmq.conf";

pub(super) fn recipe(platform: &ValidatedPlatform, server: &ManagedServer) -> Recipe {
    let container = json!({
        // The data lies under the node's name, so the name must not follow the pod's address.
        "env": environment([("RABBITMQ_NODENAME", "rabbit@localhost".to_owned())]),
        "ports": [
            port(ServerKind::RabbitMq),
            {"name": "management", "containerPort": 15672, "protocol": "TCP"},
        ],
    });
    let config =
        ConfigFile::new(server_name(platform, ServerKind::RabbitMq), CONFIG_KEY, configuration(server));
    Recipe {
        data_path: "/var/lib/rabbitmq",
        // It listens last of all at start, and a TCP probe costs nothing: `rabbitmq-diagnostics`
        // starts an Erlang machine each time.
        container: with(container, tcp_probes(ServerKind::RabbitMq)),
        // Single files, so that what the image has in the same folder stays.
        mounts: vec![
            json!({
                "name": "config",
                "mountPath": "/etc/rabbitmq/conf.d/50-courseplatform.conf",
                "subPath": CONFIG_KEY,
                "readOnly": true,
            }),
            json!({
                "name": "admin",
                "mountPath": "/etc/rabbitmq/conf.d/60-default-user.conf",
                "subPath": "default-user.conf",
                "readOnly": true,
            }),
            json!({"name": "log", "mountPath": "/var/log/rabbitmq"}),
        ],
        volumes: vec![json!({"name": "log", "emptyDir": {"sizeLimit": "64Mi"}})],
        config: Some(config),
        grace_seconds: 60,
    }
}

fn configuration(server: &ManagedServer) -> String {
    let mut lines = vec!["log.console = true".to_owned()];
    lines.extend(server.config.iter().map(|(key, value)| format!("{key} = {value}")));
    lines.join("\n") + "\n"
}
