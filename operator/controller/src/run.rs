//! From the start of the process to its end: watches, passes, leadership.

use std::sync::Arc;
use std::time::Duration;

use courseplatform_api::CoursePlatform;
use futures::{StreamExt, stream};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::Event;
use kube::runtime::{
    Config as ApplierConfig, Predicate, PredicateConfig, WatchStreamExt, applier, predicates,
    watcher as watch,
};
use kube::{Client, Resource};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::children::{Children, PlatformKey, Scope, Watches, paged};
use crate::events::Announcer;
use crate::reconcile::{Context, again, reconcile};
use crate::validate::Defaults;

/// Passes at a time; 0 would mean without bound. Each holds all objects of its platform, some megabytes, while it runs.
const CONCURRENCY: u16 = 4;
/// Changes that come together make one pass.
const DEBOUNCE: Duration = Duration::from_millis(50);

type Guarded = DeserializeGuard<CoursePlatform>;

/// What the passes need to know.
#[derive(Clone)]
pub struct Operator {
    /// The connection.
    pub client: Client,
    /// Versions and images.
    pub defaults: Defaults,
    /// The namespaces that it looks after.
    pub scope: Scope,
    /// The name of this replica in Events.
    pub instance: Option<String>,
}

/// Watches and makes passes until `stop`; a pass that has begun is finished.
pub async fn operate(operator: Operator, stop: CancellationToken) {
    let Operator { client, defaults, scope, instance } = operator;
    let children = Children::default();
    let (queue, mut changed) = mpsc::unbounded_channel::<PlatformKey>();
    let mut watches = Watches::start(&client, &scope, &children, &queue, &stop);
    tokio::select! {
        () = watches.listed() => {}
        () = stop.cancelled() => return,
    }
    tracing::info!("every kind is listed");
    let announcer = Announcer::new(client.clone(), instance);
    let context = Arc::new(Context::new(client.clone(), children, announcer, defaults));

    let (store, writer) = reflector::store::<Guarded>();
    let forgetting = Arc::clone(&context);
    let wanted = predicates::generation.combine(predicates::annotations).combine(predicates::finalizers);
    let platforms = watch(scope.platforms::<Guarded>(client), paged())
        .default_backoff()
        // Who owns which field takes more room than the platform itself, and no pass asks for it.
        .modify(|platform| platform.meta_mut().managed_fields = None)
        .reflect(writer)
        .then(move |event| {
            let context = Arc::clone(&forgetting);
            async move {
                if let Ok(Event::Delete(platform)) = &event {
                    context.forget(platform).await;
                }
                event
            }
        })
        .applied_objects()
        .predicate_filter(wanted, PredicateConfig::default())
        .filter_map(|platform| async move {
            match platform {
                Ok(platform) => Some(ObjectRef::from_obj(&platform)),
                Err(error) => {
                    tracing::warn!(%error, "the watch of platforms is broken; it starts again");
                    None
                }
            }
        });
    let changes = stream::poll_fn(move |context| changed.poll_recv(context))
        .map(|key| ObjectRef::<Guarded>::new(&key.name).within(&key.namespace));
    let queue = stream::select(platforms.boxed(), changes.boxed())
        .map(Ok::<_, std::convert::Infallible>)
        .take_until(stop.cancelled_owned());
    let settings = ApplierConfig::default().concurrency(CONCURRENCY).debounce(DEBOUNCE);
    applier(
        |platform, context| Box::pin(reconcile(platform, context)),
        |platform, error, context| again(&platform, error, &context),
        context,
        store,
        queue.boxed(),
        settings,
    )
    .for_each(|outcome| async move {
        // Failed passes were told by `again`; what is left is a change of a platform that is gone.
        if let Err(error) = outcome {
            tracing::debug!(%error, "no pass");
        }
    })
    .await;
}
