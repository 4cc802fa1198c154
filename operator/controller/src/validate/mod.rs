//! From the raw spec to checked types: defaults filled in, unions resolved, references looked at.
//! Pure: what has to be read was read by *dereference*. Every fault is reported, not only the first.

mod components;
mod defaults;
mod exposure;
mod identity;
mod platform;
mod quantity;
mod servers;
mod version;

#[cfg(test)]
mod tests;

use std::fmt;

use courseplatform_api::{AccessMode, CoursePlatform, CoursePlatformSpec};
use kube::ResourceExt;

pub use defaults::{Defaults, VERSIONS};
pub use platform::{
    Address, Exposure, ExternalAccounts, ExternalServer, ManagedServer, NetworkPolicy, PhotosVolume,
    Scheduling, Server, Smtp, ValidatedComponent, ValidatedPlatform,
};

pub(crate) use servers::usual_scheme;

use crate::dereference::Dereferenced;

/// What kind of fault it is; decides the condition's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The spec itself: InvalidSpec.
    Spec,
    /// Something that the spec refers to is missing or lacks a key: ReferenceMissing.
    Reference,
    /// The version is older than what runs: DowngradeRefused.
    Downgrade,
}

/// One fault, with the field and the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What kind it is.
    pub fault: Fault,
    /// The field, for example `spec.servers.mongodb.external.secretRef`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// What the spec says about accounts and clients.
struct Identity {
    sign_up: bool,
    password_grant: bool,
    admin_email: String,
    admin_password_secret: Option<String>,
    clients: Vec<platform_components::Client>,
}

/// Collects faults, so that somebody who made three mistakes reads of all three at once.
#[derive(Debug, Default)]
struct Faults(Vec<Invalid>);

impl Faults {
    fn spec(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.add(Fault::Spec, field, message);
    }

    fn reference(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.add(Fault::Reference, field, message);
    }

    fn add(&mut self, fault: Fault, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Invalid { fault, field: field.into(), message: message.into() });
    }
}

/// Checks a platform.
///
/// # Errors
/// Every fault that was found.
pub fn validate(
    platform: &CoursePlatform,
    found: &Dereferenced,
    defaults: &Defaults,
) -> Result<ValidatedPlatform, Vec<Invalid>> {
    let spec = &platform.spec;
    let mut faults = Faults::default();
    let version = version::pinned(platform, found, defaults, &mut faults);
    let image = spec.image.clone().unwrap_or_default();
    for name in &image.pull_secrets {
        if matches!(found.secrets.get(name), None | Some(None)) {
            faults
                .reference("spec.image.pullSecrets", format!("there is no Secret {name} in this namespace"));
        }
    }
    let photos = photos(spec);
    let source = components::Source {
        plan: spec.plan.unwrap_or_default(),
        registry: image.registry.unwrap_or_else(|| defaults.registry.clone()),
        version: version.clone(),
        photos_shared: photos.access_mode == AccessMode::ReadWriteMany,
    };
    let components = components::validate(spec, &source, &mut faults);
    let servers = servers::validate(platform, found, defaults, &components, &mut faults);
    let scheduling = spec.scheduling.clone().unwrap_or_default();
    let telemetry = spec.telemetry.clone().unwrap_or_default();
    let exposure = exposure::validate(spec, &mut faults);
    let trusted_proxies = exposure::trusted_proxies(spec, &mut faults);
    let network_policy = exposure::network_policy(spec, &mut faults);
    let identity = identity::validate(spec, found, &mut faults);
    let smtp = identity::mail(spec, found, &mut faults);
    if !faults.0.is_empty() {
        return Err(faults.0);
    }
    Ok(ValidatedPlatform {
        name: platform.name_any(),
        namespace: platform.namespace().unwrap_or_default(),
        version,
        public_url: exposure::public_url(spec),
        plan: source.plan,
        registry: source.registry,
        pull_policy: image.pull_policy.unwrap_or_default(),
        pull_secrets: image.pull_secrets,
        paused: spec.paused.unwrap_or_default(),
        stopped: spec.stopped.unwrap_or_default(),
        demo_data: spec.demo_data.unwrap_or_default(),
        currency: spec.currency.clone().unwrap_or_else(|| "TRY".to_owned()),
        deletion_policy: spec.deletion_policy.unwrap_or_default(),
        servers,
        components,
        scheduling: Scheduling {
            node_selector: scheduling.node_selector,
            tolerations: scheduling.tolerations,
            priority_class: scheduling.priority_class_name,
            spread: scheduling.spread.unwrap_or(true),
        },
        photos,
        exposure,
        trusted_proxies,
        network_policy,
        otlp_endpoint: telemetry.otlp_endpoint,
        log_level: telemetry.log_level.unwrap_or_default(),
        admin_email: identity.admin_email,
        admin_password_secret: identity.admin_password_secret,
        sign_up: identity.sign_up,
        password_grant: identity.password_grant,
        clients: identity.clients,
        client_secrets: found.client_secrets.clone(),
        smtp,
        host: spec.host.clone(),
    })
}

fn photos(spec: &CoursePlatformSpec) -> PhotosVolume {
    let volume = spec.photos.as_ref().and_then(|photos| photos.volume.clone()).unwrap_or_default();
    PhotosVolume {
        size: volume.size.unwrap_or_else(|| defaults::PHOTOS_SIZE.to_owned()),
        storage_class: volume.class_name,
        access_mode: volume.access_mode.unwrap_or_default(),
    }
}
