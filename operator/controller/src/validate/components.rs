//! The nine components: replicas, images, resources, environment and engines.

use std::collections::BTreeMap;

use courseplatform_api::{CoursePlatformSpec, Engine, Plan, ResourcesSpec, ServiceSpec};
use platform_components::{Component, Name, ServerKind, components};

use super::platform::ValidatedComponent;
use super::{Faults, defaults, quantity};

/// What components have in common.
pub(super) struct Source {
    pub(super) plan: Plan,
    pub(super) registry: String,
    pub(super) version: String,
    /// Whether several pods can mount the photos.
    pub(super) photos_shared: bool,
}

pub(super) fn validate(
    spec: &CoursePlatformSpec,
    source: &Source,
    faults: &mut Faults,
) -> BTreeMap<Name, ValidatedComponent> {
    components()
        .iter()
        .map(|component| {
            let given = of(spec, component.name).cloned().unwrap_or_default();
            (component.name, one(component, &given, source, faults))
        })
        .collect()
}

/// What the spec says about a component.
pub(super) fn of(spec: &CoursePlatformSpec, name: Name) -> Option<&ServiceSpec> {
    let services = spec.services.as_ref()?;
    match name {
        Name::Identity => services.identity.as_ref(),
        Name::Catalog => services.catalog.as_ref(),
        Name::Basket => services.basket.as_ref(),
        Name::Discount => services.discount.as_ref(),
        Name::Order => services.order.as_ref(),
        Name::Payment => services.payment.as_ref(),
        Name::Photostock => services.photostock.as_ref(),
        Name::Gateway => services.gateway.as_ref(),
        Name::Web => services.web.as_ref(),
    }
}

fn one(
    component: &Component,
    given: &ServiceSpec,
    source: &Source,
    faults: &mut Faults,
) -> ValidatedComponent {
    let name = component.name;
    let field = format!("spec.services.{name}");
    // A ReadWriteOnce volume is one pod's; the plan's replicas don't apply to it.
    let single = component.volume && !source.photos_shared;
    let replicas = given.replicas.unwrap_or(if single { 1 } else { defaults::replicas(source.plan) });
    if !(1..=100).contains(&replicas) {
        faults.spec(format!("{field}.replicas"), format!("{replicas} is not between 1 and 100"));
    }
    if single && replicas > 1 {
        faults.spec(format!("{field}.replicas"), "more than 1 needs photos.volume.accessMode ReadWriteMany");
    }
    if given.engine.is_some() && !component.has_engine_choice() {
        faults.spec(format!("{field}.engine"), "only identity and order can choose an engine");
    }
    let engine = match given.engine.unwrap_or_default() {
        Engine::Postgres => ServerKind::Postgres,
        Engine::SqlServer => ServerKind::SqlServer,
    };
    ValidatedComponent {
        image: given
            .image
            .clone()
            .unwrap_or_else(|| format!("{}/{name}:{}", source.registry, source.version)),
        replicas,
        resources: resources(
            given.resources.as_ref(),
            defaults::component_resources(source.plan, name),
            &field,
            faults,
        ),
        env: environment(component, given, &field, faults),
        servers: component
            .servers
            .iter()
            .map(|server| if server.alternatives.is_empty() { server.kind } else { engine })
            .collect(),
    }
}

/// The variables of the spec. What follows from the table can't be changed by them: a service that
/// listens elsewhere or knows another address would be broken in a way that nobody sees.
fn environment(
    component: &Component,
    given: &ServiceSpec,
    field: &str,
    faults: &mut Faults,
) -> BTreeMap<String, String> {
    let settings = component.settings();
    let mut variables = BTreeMap::new();
    for variable in &given.env {
        let taken = settings.iter().any(|setting| setting.key == variable.name && setting.key != "LOG_LEVEL");
        if taken {
            faults.spec(format!("{field}.env"), format!("{} is set by the operator itself", variable.name));
        } else if variables.insert(variable.name.clone(), variable.value.clone()).is_some() {
            faults.spec(format!("{field}.env"), format!("{} is there twice", variable.name));
        }
    }
    variables
}

/// What is given replaces the default, map by map; a limit that is only given must not be below the
/// default request, so requests are then cut to it.
pub(super) fn resources(
    given: Option<&ResourcesSpec>,
    default: ResourcesSpec,
    field: &str,
    faults: &mut Faults,
) -> ResourcesSpec {
    let Some(given) = given else { return default };
    let mut effective = default;
    if !given.limits.is_empty() {
        effective.limits.clone_from(&given.limits);
        for (key, limit) in &effective.limits {
            if let Some(request) = effective.requests.get_mut(key)
                && quantity::parse(request) > quantity::parse(limit)
            {
                request.clone_from(limit);
            }
        }
    }
    if !given.requests.is_empty() {
        effective.requests.clone_from(&given.requests);
    }
    for (part, entries) in [("requests", &given.requests), ("limits", &given.limits)] {
        for (key, value) in entries {
            let field = format!("{field}.resources.{part}");
            if !["cpu", "memory", "ephemeral-storage"].contains(&key.as_str()) {
                faults.spec(field, format!("{key} is none of cpu, memory and ephemeral-storage"));
            } else if quantity::parse(value).is_none() {
                faults.spec(field, format!("{value} is no quantity such as 100m or 64Mi"));
            }
        }
    }
    for (key, request) in &effective.requests {
        if let Some(limit) = effective.limits.get(key)
            && quantity::parse(request) > quantity::parse(limit)
        {
            faults.spec(
                format!("{field}.resources.requests"),
                format!("{key}: {request} is more than the limit of {limit}"),
            );
        }
    }
    effective
}
