//! The kinds of objects that belong to a platform, in the order in which they are applied.

use kube::core::{ApiResource, GroupVersionKind};

/// A kind of child.
///
/// The order is the order of one pass: what pods refer to comes before the pods, policies before the
/// pods they protect, servers before Jobs, Jobs before services, and what leads traffic to pods last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum Kind {
    ServiceAccount,
    Secret,
    ConfigMap,
    NetworkPolicy,
    Service,
    PersistentVolumeClaim,
    PodDisruptionBudget,
    StatefulSet,
    Job,
    Deployment,
    Ingress,
    /// Made by the controllers of Kubernetes; only looked at.
    Pod,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::ServiceAccount,
        Self::Secret,
        Self::ConfigMap,
        Self::NetworkPolicy,
        Self::Service,
        Self::PersistentVolumeClaim,
        Self::PodDisruptionBudget,
        Self::StatefulSet,
        Self::Job,
        Self::Deployment,
        Self::Ingress,
        Self::Pod,
    ];

    /// Group, version, name of the kind, and plural.
    const fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::PersistentVolumeClaim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::Ingress => ("networking.k8s.io", "v1", "Ingress", "ingresses"),
            Self::Pod => ("", "v1", "Pod", "pods"),
        }
    }

    /// The kind as Kubernetes writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.names().2
    }

    /// The kind of an object, by its `apiVersion` and `kind`; `None` when it isn't one of ours.
    #[must_use]
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| {
            let resource = candidate.resource();
            resource.kind == kind && resource.api_version == api_version
        })
    }

    /// What kube's dynamic API needs to know.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.names();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// Whether objects of the kind may be deleted as orphans. Never what holds data or opens it
    /// (OPERATOR rule 3), nor what others make.
    #[must_use]
    pub const fn may_be_orphaned(self) -> bool {
        !matches!(self, Self::Secret | Self::PersistentVolumeClaim | Self::Pod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_what_its_objects_say() {
        for kind in Kind::ALL {
            let resource = kind.resource();
            assert_eq!(Kind::of(&resource.api_version, &resource.kind), Some(kind));
        }
        assert_eq!(Kind::of("apps/v1", "DaemonSet"), None);
    }

    #[test]
    fn what_holds_data_is_never_an_orphan() {
        assert!(!Kind::Secret.may_be_orphaned());
        assert!(!Kind::PersistentVolumeClaim.may_be_orphaned());
        assert!(Kind::Deployment.may_be_orphaned());
    }
}
