//! What the operator itself brings: its version, where images come from, and what a plan means.

use std::collections::BTreeMap;

use courseplatform_api::{Plan, ResourcesSpec};
use platform_components::{Name, ServerKind};

/// Versions of the platform that this operator can run. Each has its frozen pod templates in
/// `golden/`; a build of one (`0.1.0-dev.3`) has the templates of its version.
pub const VERSIONS: &[&str] = &["0.1.0"];

/// What the operator was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The version that a platform gets when its spec names none.
    pub version: String,
    /// Registry and path of our images.
    pub registry: String,
    /// The image of each managed server.
    pub server_images: BTreeMap<ServerKind, String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            registry: "ghcr.io/courseplatform".to_owned(),
            server_images: [
                ServerKind::Postgres,
                ServerKind::MongoDb,
                ServerKind::Redis,
                ServerKind::RabbitMq,
            ]
            .into_iter()
            .map(|kind| (kind, official_image(kind).to_owned()))
            .collect(),
        }
    }
}

/// The official image of a server, or nothing for one that we never run.
fn official_image(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Postgres => "docker.io/library/postgres:17",
        ServerKind::MongoDb => "docker.io/library/mongo:8.0",
        ServerKind::Redis => "docker.io/library/redis:7.4",
        ServerKind::RabbitMq => "docker.io/library/rabbitmq:4.1-management",
        ServerKind::SqlServer => "",
    }
}

/// How many pods a component has.
pub(super) fn replicas(plan: Plan) -> i32 {
    match plan {
        Plan::Small => 1,
        Plan::Medium => 2,
        Plan::Large => 3,
    }
}

/// The size of a managed server's volume. It doesn't follow from the plan: a volume can't shrink,
/// and the rules of the resource compare with these very values.
pub(super) fn storage(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Redis => "1Gi",
        ServerKind::RabbitMq => "5Gi",
        ServerKind::Postgres | ServerKind::MongoDb | ServerKind::SqlServer => "10Gi",
    }
}

/// The size of the photos' volume.
pub(super) const PHOTOS_SIZE: &str = "20Gi";

/// What a component may use. The limit on memory is far above the budget of 15 MB, so that a burst
/// doesn't kill it; photostock decodes pictures, and identity hashes passwords, 19 MiB each.
pub(super) fn component_resources(plan: Plan, name: Name) -> ResourcesSpec {
    let heavy = matches!(name, Name::Photostock | Name::Identity);
    match plan {
        Plan::Small => resources("10m", "32Mi", if heavy { "512Mi" } else { "128Mi" }),
        Plan::Medium => resources("100m", "64Mi", if heavy { "768Mi" } else { "256Mi" }),
        Plan::Large => resources("250m", "128Mi", if heavy { "1Gi" } else { "512Mi" }),
    }
}

/// What a managed server may use.
pub(super) fn server_resources(plan: Plan, kind: ServerKind) -> ResourcesSpec {
    let small = plan == Plan::Small;
    match kind {
        ServerKind::Redis if small => resources("10m", "32Mi", "256Mi"),
        ServerKind::Redis => resources("100m", "256Mi", "1Gi"),
        ServerKind::RabbitMq if small => resources("50m", "192Mi", "768Mi"),
        ServerKind::RabbitMq => resources("250m", "512Mi", "2Gi"),
        ServerKind::Postgres | ServerKind::MongoDb | ServerKind::SqlServer if small => {
            resources("50m", "128Mi", "1Gi")
        }
        ServerKind::Postgres | ServerKind::MongoDb | ServerKind::SqlServer => resources("500m", "1Gi", "4Gi"),
    }
}

/// No limit on CPU: a throttled pod is slow while the node idles, and requests share fairly.
fn resources(cpu: &str, memory: &str, memory_limit: &str) -> ResourcesSpec {
    let map = |entries: &[(&str, &str)]| {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    ResourcesSpec {
        requests: map(&[("cpu", cpu), ("memory", memory)]),
        limits: map(&[("memory", memory_limit)]),
    }
}
