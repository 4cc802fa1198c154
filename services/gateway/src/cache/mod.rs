//! Answers of upstreams that are kept, as far as these let it (RFC 9111), shared by all clients and threads.
//!
//! Only routes with a `cache` come here, after the caller was checked and counted. What is personal is never
//! kept: see [`policy`]. Equal requests at the same time make one to the upstream: see [`flight`].

mod asked;
mod conditional;
mod directives;
mod fetch;
mod fill;
mod flight;
mod policy;
mod status;
mod store;
mod variant;

use std::rc::Rc;
use std::sync::Arc;

use http::header;
use http::{Method, Response, Uri, request};
use platform_http::Problem;
use tokio::time::Instant;

use self::asked::Asked;
use self::fetch::Fetch;
pub(crate) use self::fill::Reader;
use self::flight::{Flights, Outcome, Seat};
use self::status::Status;
pub(crate) use self::store::Place;
use self::store::Store;
use self::variant::Variant;
use crate::answer::{self, AnswerBody};
use crate::core::{Core, Live};
use crate::forward::Source;
use crate::guard::Vouched;
use crate::limit::Permit;
use crate::routes::{Compiled, Table};
use crate::upstream::Upstream;

/// So often a request waits for others before it goes by itself.
const WAITS: u32 = 3;

/// The cache of all threads.
pub(crate) struct Cache {
    store: Store,
    flights: Arc<Flights>,
    /// The longest body that is kept, in bytes.
    longest: u64,
}

/// A request on its way to an upstream, ready to be sent.
pub(crate) struct Call<'a> {
    pub(crate) core: &'a Rc<Core>,
    pub(crate) live: &'a Arc<Live>,
    pub(crate) route: &'a Compiled,
    pub(crate) upstream: &'a Arc<Upstream>,
    pub(crate) vouched: Vouched,
    pub(crate) permit: Permit,
    pub(crate) begun: Instant,
}

/// Where a request's path is marked, and the host that it was sent to; read before the request is made the
/// upstream's.
pub(crate) struct Spot {
    place: Place,
    host: String,
    /// The collection that the path is in, by its own address; for changes only.
    around: Option<Place>,
}

impl Cache {
    /// Keeps at most `most` bytes, and of one answer `longest`.
    ///
    /// # Errors
    /// Never: the library's options are complete.
    pub(crate) fn new(most: u64, longest: u64) -> anyhow::Result<Self> {
        let store = Store::new(most)?;
        Ok(Self { store, flights: Arc::default(), longest: longest.min(most) })
    }

    /// Where a request's path is marked; `None` when no route keeps anything or this request is of no concern.
    pub(crate) fn spot(&self, table: &Table, route: &Compiled, parts: &request::Parts) -> Option<Spot> {
        if !table.caches() || self.store.most == 0 {
            return None;
        }
        let changes = !parts.method.is_safe();
        if !changes && route.cache().is_none() {
            return None;
        }
        let path = parts.uri.path().trim_end_matches('/');
        let around = path.rsplit_once('/').filter(|_| changes).map(|(around, _)| Place::of(around));
        Some(Spot { place: Place::of(path), host: asked::host(route, parts), around })
    }

    /// Forgets what a change has made old (RFC 9111 §4.4): its own path, the collection around it, and what the
    /// answer names.
    pub(crate) fn heed(&self, spot: &Spot, method: &Method, response: &Response<AnswerBody>) {
        if method.is_safe() || response.status().is_client_error() || response.status().is_server_error() {
            return;
        }
        let named = [header::LOCATION, header::CONTENT_LOCATION].into_iter();
        let named = named.filter_map(|name| response.headers().get(name)?.to_str().ok()?.parse::<Uri>().ok());
        let named = named.map(|uri| Place::of(uri.path().trim_end_matches('/')));
        for place in [spot.place].into_iter().chain(spot.around).chain(named) {
            self.store.mark(place);
        }
    }
}

/// Answers a request from what is kept, or from the upstream.
///
/// # Errors
/// What the client is told when there is no answer.
pub(crate) async fn serve(
    call: Call<'_>,
    spot: &Spot,
    mut parts: request::Parts,
    source: Source,
) -> Result<Response<AnswerBody>, Problem> {
    let (live, route) = (call.live, call.route);
    match Asked::of(live, route, &spot.host, spot.place, &mut parts, source.has_body()) {
        Ok(asked) => look(call, asked, parts).await,
        Err(status) => pass(call, parts, &source, status).await,
    }
}

async fn look(
    call: Call<'_>,
    asked: Asked,
    mut parts: request::Parts,
) -> Result<Response<AnswerBody>, Problem> {
    let cache = &call.core.shared.cache;
    for _ in 0..WAITS {
        let (known, any) = cache.store.find(&asked.key, asked.place, &parts.headers, asked.credentials);
        if let Some(fresh) = known.as_ref().filter(|it| it.freshness.is_fresh()) {
            return Ok(hit(fresh, &asked, Status::Hit(fresh.freshness.seconds_left())));
        }
        let vary = any.as_ref().map(|it| it.selecting(&parts.headers)).unwrap_or_default();
        let flight = asked.flight(&vary);
        if asked.head || cache.store.is_passed(&flight) {
            break;
        }
        let stale = known.clone().filter(|it| it.freshness.serves_while_revalidated());
        let stale = stale.map(|it| hit(&it, &asked, Status::Hit(it.freshness.seconds_left())));
        match cache.flights.join(&flight) {
            Seat::Lead(lead) => {
                let fetch = Fetch { asked, flight, lead, known, differs: any.is_some() };
                let Some(stale) = stale else { return fetch.run(call, parts).await };
                fetch.run_behind(&call, parts);
                return Ok(stale);
            }
            Seat::Wait(flight) => {
                if let Some(stale) = stale {
                    return Ok(stale);
                }
                match flight.ended(asked.wait).await {
                    Some(Outcome::Kept(variant)) if is_right(cache, &variant, &asked, &parts) => {
                        return Ok(hit(&variant, &asked, Status::Collapsed));
                    }
                    // For others only, or changed meanwhile.
                    Some(Outcome::Kept(_) | Outcome::Gone) => {}
                    Some(Outcome::Failed(problem)) => return Err(problem),
                    Some(Outcome::Passed) | None => break,
                }
            }
        }
    }
    conditional::put_back(&mut parts.headers, asked.conditions);
    pass(call, parts, &Source::none(), Status::Passed).await
}

/// Whether what another request got answers this one too.
fn is_right(cache: &Cache, variant: &Variant, asked: &Asked, parts: &request::Parts) -> bool {
    variant.matches(&parts.headers)
        && (!asked.credentials || variant.freshness.public)
        && cache.store.is_current(variant, asked.place)
}

fn hit(variant: &Variant, asked: &Asked, status: Status) -> Response<AnswerBody> {
    let mut response = variant.answer(&asked.conditions, asked.head);
    status.tell(response.headers_mut());
    response
}

/// Sends a request on for itself alone.
async fn pass(
    call: Call<'_>,
    parts: request::Parts,
    source: &Source,
    status: Status,
) -> Result<Response<AnswerBody>, Problem> {
    let answered = fetch::send(&call, parts, source).await?;
    let mut response = answer::pass_on(call.core, call.route, answered, call.permit, call.begun);
    status.tell(response.headers_mut());
    Ok(response)
}
