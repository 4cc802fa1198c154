//! Probes and metrics of the operator, and the one thing it waits for before it works: a CRD that is at
//! least as new as itself (OPERATOR rule 17).

use std::net::SocketAddr;
use std::time::Duration;

use courseplatform_api::CRD_VERSION_ANNOTATION;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use kube::{Client, CustomResourceExt, ResourceExt};
use platform_http::server::{BindError, CheckError, Dependency, Need, Readiness, admin_router, bind, serve};
use platform_telemetry::MetricsHandle;
use tokio_util::sync::CancellationToken;

/// Serves `/livez`, `/readyz` and `/metrics` until `stop`.
pub(crate) async fn start(
    address: SocketAddr,
    readiness: Readiness,
    metrics: MetricsHandle,
    stop: CancellationToken,
) -> Result<(), BindError> {
    let listener = bind("ADMIN_ADDR", address).await?;
    let router = admin_router(readiness, metrics);
    tokio::spawn(serve(listener, router, stop, Duration::from_secs(1)));
    Ok(())
}

/// The API server with a CRD that this operator can work with, as something to be ready by.
pub(crate) fn crd_dependency(client: Client) -> Dependency {
    Dependency::new("crd", Need::Hard, move || {
        let client = client.clone();
        async move { check_crd(&client).await.map_err(CheckError) }
    })
}

async fn check_crd(client: &Client) -> Result<(), String> {
    let name = courseplatform_api::CoursePlatform::crd_name();
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    // Its metadata alone: with the schema it is the largest object that the operator would ever read.
    let crd = api.get_metadata_opt(name).await.map_err(|error| error.to_string())?.ok_or_else(|| {
        format!("the CustomResourceDefinition {name} is not installed: install the chart's")
    })?;
    let installed = crd.annotations().get(CRD_VERSION_ANNOTATION).map(String::as_str).unwrap_or_default();
    let own = env!("CARGO_PKG_VERSION");
    if numbers(installed) < numbers(own) {
        return Err(format!(
            "the CustomResourceDefinition {name} is of version {installed:?}, older than this operator ({own}): \
             upgrade it first"
        ));
    }
    Ok(())
}

fn numbers(version: &str) -> Vec<u64> {
    let release = version.split('-').next().unwrap_or_default();
    release.split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(numbers("0.9.0") < numbers("0.10.0"));
        assert!(numbers("") < numbers("0.1.0"));
        assert_eq!(numbers("1.2.3-dev.4"), numbers("1.2.3"));
    }
}
