//! Where each component of the local platform listens: the fixed ports of the table, but for the gateway's,
//! which can be chosen because other programs like 8080 too.

use platform_components::{Component, LOCAL_ADMIN_OFFSET, Name, component};

/// The ports of the components.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The gateway's API.
    pub(crate) gateway: u16,
}

impl Addresses {
    /// The port of a component's API.
    pub(super) fn api(self, component: &Component) -> u16 {
        if component.name == Name::Gateway { self.gateway } else { component.local_port }
    }

    /// The port of a component's probes and metrics.
    pub(super) fn admin(self, component: &Component) -> u16 {
        component.local_port + LOCAL_ADMIN_OFFSET
    }

    /// The address of a component for its peers.
    pub(super) fn url(self, name: Name) -> String {
        format!("http://127.0.0.1:{}", self.api(component(name)))
    }

    /// What a browser sees.
    pub(super) fn public_url(self) -> String {
        format!("http://localhost:{}", self.gateway)
    }
}
