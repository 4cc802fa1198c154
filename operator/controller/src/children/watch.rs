//! One watch for each kind, over the operator's namespaces, of objects that carry the operator's label. What it
//! tells goes into [`Children`]; the platform concerned is queued for a pass.

use std::collections::HashSet;

use futures::StreamExt;
use kube::api::Api;
use kube::core::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use super::{ChildKey, Children, Kind, PlatformKey, seen};
use crate::labels;

/// Objects in one page of a list. Of each a few facts are kept, so what a list takes is its largest page.
const PAGE: u32 = 50;

/// How a watch begins: a list in small pages.
pub(crate) fn paged() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// Which namespaces the operator looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Cluster,
    /// This one only.
    Namespace(String),
}

impl Scope {
    /// The platforms within the scope.
    pub(crate) fn platforms<K>(&self, client: Client) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => Api::all(client),
            Self::Namespace(namespace) => Api::namespaced(client, namespace),
        }
    }

    fn dynamic(&self, client: Client, kind: Kind) -> Api<DynamicObject> {
        match self {
            Self::Cluster => Api::all_with(client, &kind.resource()),
            Self::Namespace(namespace) => Api::namespaced_with(client, namespace, &kind.resource()),
        }
    }
}

/// The watches of all kinds.
pub struct Watches {
    listed: Vec<signal::Receiver<bool>>,
}

impl Watches {
    /// Starts watching every kind. Each platform whose children change goes into `queue`. Ends with `stop`.
    #[must_use]
    pub fn start(
        client: &Client,
        scope: &Scope,
        children: &Children,
        queue: &UnboundedSender<PlatformKey>,
        stop: &CancellationToken,
    ) -> Self {
        let listed = Kind::ALL
            .into_iter()
            .map(|kind| {
                let (listed, receiver) = signal::channel(false);
                let task = Watch { kind, children: children.clone(), queue: queue.clone(), listed };
                let (api, stop) = (scope.dynamic(client.clone(), kind), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = task.run(api) => {}
                    }
                });
                receiver
            })
            .collect();
        Self { listed }
    }

    /// Waits until every kind has been listed once; before that absence means nothing.
    pub async fn listed(&mut self) {
        for receiver in &mut self.listed {
            // The sender goes away only when watching has ended; then nobody asks any more.
            if receiver.wait_for(|listed| *listed).await.is_err() {
                return;
            }
        }
    }
}

struct Watch {
    kind: Kind,
    children: Children,
    queue: UnboundedSender<PlatformKey>,
    listed: signal::Sender<bool>,
}

impl Watch {
    async fn run(self, api: Api<DynamicObject>) {
        let config = paged().labels(&labels::selector());
        let mut events = watch(api, config).default_backoff().boxed();
        let mut listing = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listing.clear(),
                Ok(Event::InitApply(object)) => {
                    if let Some(platform) = self.platform(&object) {
                        listing.insert((platform, object.name_any()));
                    }
                    self.put(&object);
                }
                Ok(Event::InitDone) => {
                    for platform in self.children.keep_only(self.kind, &listing) {
                        self.enqueue(platform);
                    }
                    listing = HashSet::new();
                    self.listed.send_replace(true);
                }
                Ok(Event::Apply(object)) => self.put(&object),
                Ok(Event::Delete(object)) => self.remove(&object),
                Err(error) => {
                    tracing::warn!(kind = self.kind.as_str(), %error, "the watch is broken; it starts again");
                }
            }
        }
    }

    fn put(&self, object: &DynamicObject) {
        let Some(platform) = self.platform(object) else { return };
        let child = ChildKey { kind: self.kind, name: object.name_any() };
        if self.children.put(&platform, &child, seen(self.kind, object)) {
            self.enqueue(platform);
        }
    }

    fn remove(&self, object: &DynamicObject) {
        let Some(platform) = self.platform(object) else { return };
        let child = ChildKey { kind: self.kind, name: object.name_any() };
        if self.children.remove(&platform, &child) {
            self.enqueue(platform);
        }
    }

    fn platform(&self, object: &DynamicObject) -> Option<PlatformKey> {
        Some(PlatformKey {
            namespace: object.namespace()?,
            name: object.labels().get(labels::INSTANCE)?.clone(),
        })
    }

    fn enqueue(&self, platform: PlatformKey) {
        if self.queue.send(platform).is_err() {
            tracing::debug!("nobody takes changes any more; the program is ending");
        }
    }
}
