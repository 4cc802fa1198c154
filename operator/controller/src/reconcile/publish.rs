//! What a pass tells: the status, written only when it says something new, and the metrics that follow
//! from it.

use courseplatform_api::{ComponentState, Condition, CoursePlatform, CoursePlatformStatus};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::error_boundary::InvalidObject;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::{Context, PassError, State};
use crate::children::FIELD_MANAGER;
use crate::metrics;
use crate::status;

/// The status that we wrote last, and onto which version of the platform.
#[derive(Debug, Default)]
pub(super) struct Known {
    written: Option<Written>,
}

#[derive(Debug)]
struct Written {
    status: CoursePlatformStatus,
    /// The version of the platform that the pass had seen; as long as the cache shows this one, it is
    /// older than what we wrote.
    seen: Option<String>,
}

impl Known {
    /// The newest status that is known: ours while the cache hasn't caught up with it, and not kept any longer.
    pub(super) fn latest(&mut self, platform: &CoursePlatform) -> CoursePlatformStatus {
        self.written = self.written.take().filter(|written| written.seen == platform.resource_version());
        match &self.written {
            Some(written) => written.status.clone(),
            None => platform.status.clone().unwrap_or_default(),
        }
    }

    /// Writes a status when it differs from the newest that is known.
    pub(super) async fn write(
        &mut self,
        client: &Client,
        platform: &CoursePlatform,
        status: CoursePlatformStatus,
    ) -> Result<(), PassError> {
        if self.latest(platform) == status {
            return Ok(());
        }
        let namespace = platform.namespace().unwrap_or_default();
        let value =
            serde_json::to_value(&status).map_err(|error| Box::new(kube::Error::SerdeError(error)))?;
        write(client, &namespace, &platform.name_any(), platform.uid().as_deref(), &value).await?;
        self.written = Some(Written { status, seen: platform.resource_version() });
        Ok(())
    }
}

/// Platforms as they are, readable or not.
fn raw(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<CoursePlatform>(&()))
}

/// Applies a status, onto exactly this platform.
async fn write(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
    status: &Value,
) -> Result<(), PassError> {
    let api = raw(client, namespace);
    let patch = json!({
        "apiVersion": format!("{}/v1alpha1", courseplatform_api::GROUP),
        "kind": "CoursePlatform",
        "metadata": {"name": name, "uid": uid},
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(&patch)).await.map_err(Box::new)?;
    Ok(())
}

/// Tells of a platform that can't even be read, so an older or broken CRD let it in. The watch goes on.
pub(super) async fn malformed(
    context: &Context,
    state: &mut State,
    invalid: &InvalidObject,
) -> Result<(), PassError> {
    let (namespace, name) = (
        invalid.metadata.namespace.clone().unwrap_or_default(),
        invalid.metadata.name.clone().unwrap_or_default(),
    );
    // What can be read of its status isn't known here; ours is the same as long as the object is.
    let before = state.known.written.as_ref().map(|written| written.status.clone()).unwrap_or_default();
    let since = before.conditions.first().map_or_else(
        || super::Timestamp::now().to_string(),
        |condition| condition.last_transition_time.clone(),
    );
    let condition = |name: &str| Condition {
        type_: name.to_owned(),
        status: "False".to_owned(),
        observed_generation: invalid.metadata.generation,
        last_transition_time: since.clone(),
        reason: "InvalidSpec".to_owned(),
        message: format!("the resource can't be read: {}", invalid.error),
    };
    let status = CoursePlatformStatus {
        observed_generation: invalid.metadata.generation,
        conditions: vec![condition("Ready"), condition("Reconciled")],
        ..CoursePlatformStatus::default()
    };
    if before == status {
        return Ok(());
    }
    tracing::warn!(
        platform = format!("{namespace}/{name}"),
        error = invalid.error,
        "a platform can't be read"
    );
    // What was applied before and isn't now would be taken away: the version that is pinned, too.
    let live = raw(&context.client, &namespace).get_opt(&name).await.map_err(Box::new)?;
    let mut value = live.map_or(Value::Null, |live| live.data["status"].clone());
    value["observedGeneration"] = json!(status.observed_generation);
    let told = |condition: &Value| status.conditions.iter().any(|ours| condition["type"] == ours.type_);
    let mut conditions = value["conditions"].as_array().cloned().unwrap_or_default();
    conditions.retain(|condition| !told(condition));
    conditions.extend(status.conditions.iter().map(|condition| json!(condition)));
    value["conditions"] = Value::from(conditions);
    write(&context.client, &namespace, &name, invalid.metadata.uid.as_deref(), &value).await?;
    state.known.written = Some(Written { status, seen: invalid.metadata.resource_version.clone() });
    Ok(())
}

pub(super) fn metrics(of: metrics::Of<'_>, before: &CoursePlatformStatus, after: &CoursePlatformStatus) {
    let failed = after.components.iter().any(|component| component.state == ComponentState::MigrationFailed);
    metrics::platform(of, status::holds(after, "Ready"), failed);
    let target = |status: &CoursePlatformStatus| status.version.clone().and_then(|version| version.target);
    if let Some(version) = target(after) {
        metrics::version(of, &version, target(before).as_deref());
    }
    for component in &after.components {
        metrics::component(of, &component.name, component.state == ComponentState::Ready);
    }
}
