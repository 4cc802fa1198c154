//! The one request that goes to the upstream, and what becomes of its answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap};
use http::{Response, StatusCode, request, response};
use platform_components::{Name, Priority};
use platform_http::Problem;
use tokio::time::Instant;

use super::asked::Asked;
use super::fill::{self, Bounds, Filled};
use super::flight::{Lead, Outcome};
use super::policy::{Answer, Freshness};
use super::status::Status;
use super::variant::{Account, Variant, selected, vary_names};
use super::{Call, conditional, hit};
use crate::answer::{self, AnswerBody};
use crate::clock::now_nanos;
use crate::forward::{self, Answered, Source};

/// How long requests go by themselves once an answer could not be kept; errors are over sooner.
const PASSED: Duration = Duration::from_secs(10);
const PASSED_ON_ERROR: Duration = Duration::from_secs(1);
/// More than this of what is kept may be alive beside it, in the hands of slow clients.
const ALIVE: u64 = 2;

/// A request that others may wait for.
pub(super) struct Fetch {
    pub(super) asked: Asked,
    /// The key that others wait under.
    pub(super) flight: String,
    pub(super) lead: Lead,
    /// What is kept, and stale: the upstream is asked whether it still holds.
    pub(super) known: Option<Arc<Variant>>,
    /// Whether something for other requests is kept under the same key.
    pub(super) differs: bool,
}

/// Sends a request; the failure is logged and made a problem.
pub(super) async fn send(
    call: &Call<'_>,
    parts: request::Parts,
    source: &Source,
) -> Result<Answered, Problem> {
    let answered = forward::send(call.core, call.route, call.upstream, parts, &call.vouched, source).await;
    let answered = answered.map_err(|failure| answer::refusal(call.route, call.upstream, &failure))?;
    if answered.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(answer::rubbish(call.upstream.name));
    }
    Ok(answered)
}

impl Fetch {
    /// Asks the upstream; the answer streams to this client while it is kept.
    pub(super) async fn run(
        self,
        call: Call<'_>,
        parts: request::Parts,
    ) -> Result<Response<AnswerBody>, Problem> {
        let (begun, sent) = (now_nanos(), Instant::now());
        let mut request = parts.clone();
        let asks = self.known.as_ref().is_some_and(|it| conditional::ask(&mut request.headers, &it.headers));
        let answered = match send(&call, request, &Source::none()).await {
            Ok(answered) => answered,
            Err(problem) => return self.fail(problem),
        };
        if answered.response.status().is_server_error()
            && let Some(stale) = self.known.clone().filter(|it| it.freshness.serves_on_errors())
        {
            return Ok(self.serve(stale, Status::StaleOnError));
        }
        let headers = answered.response.headers();
        let framed = headers.contains_key(header::CONTENT_LENGTH)
            || headers.contains_key(header::TRANSFER_ENCODING)
            || answered.response.body().is_end_stream();
        let length = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        // Looked at before the guard takes cookies away that are not this upstream's: it meant one person.
        let keepable = !headers.contains_key(header::SET_COOKIE)
            && length.is_none_or(|length| length <= call.core.shared.cache.longest);
        let delay = sent.elapsed();
        let shared = call.core.shared.clone();
        let response = answer::pass_on(call.core, call.route, answered, call.permit, call.begun);
        let (head, body) = response.into_parts();
        if asks && head.status == StatusCode::NOT_MODIFIED {
            return self.hold(&shared.cache, call.upstream.name, &head.headers, delay, begun);
        }
        let answer = Answer { status: head.status, headers: &head.headers, delay, framed };
        let Some(freshness) = Freshness::of(&answer, self.asked.credentials).filter(|_| keepable) else {
            let pause = if head.status.is_server_error() { PASSED_ON_ERROR } else { PASSED };
            shared.cache.store.pass(&self.flight, pause);
            let status = self.status(false);
            self.lead.end(Outcome::Passed);
            return Ok(told(stream(head, body, &self.asked.conditions), status));
        };
        let bounds = Bounds {
            body: shared.cache.longest,
            all: shared.cache.store.most.saturating_mul(ALIVE),
            account: Account::new(&shared.cache.store.alive),
        };
        let vary = selected(&parts.headers, vary_names(&head.headers).into_iter());
        let kept = (head.status, head.headers.clone());
        let (status, conditions) = (self.status(true), self.asked.conditions.clone());
        let Self { asked, flight, lead, .. } = self;
        let reader = fill::begin(body, bounds, move |filled| {
            let store = &shared.cache.store;
            match filled {
                Filled::Whole(held) => {
                    let variant = Arc::new(Variant::new((kept.0, &kept.1), held, freshness, begun, vary));
                    if store.is_current(&variant, asked.place) {
                        store.keep(&asked.key, variant.clone(), asked.variants);
                    }
                    lead.end(Outcome::Kept(variant));
                }
                Filled::TooLong => {
                    store.pass(&flight, PASSED);
                    lead.end(Outcome::Passed);
                }
                Filled::Broken => lead.end(Outcome::Passed),
            }
        });
        Ok(told(stream(head, AnswerBody::Kept(reader), &conditions), status))
    }

    /// The same without a client, who was served what is stale.
    pub(super) fn run_behind(self, call: &Call<'_>, parts: request::Parts) {
        // When there is too much to do, this is what can wait.
        let Ok(permit) = call.core.shared.load.admit(Priority::Low) else { return };
        let (core, live, upstream) = (call.core.clone(), call.live.clone(), call.upstream.clone());
        let vouched = call.vouched.clone();
        let index = call.route.index();
        tokio::task::spawn_local(async move {
            let Some(route) = live.table.route(index) else { return };
            let begun = Instant::now();
            let call = Call { core: &core, live: &live, route, upstream: &upstream, vouched, permit, begun };
            // A failure is logged where it happens.
            drop(self.run(call, parts).await);
        });
    }

    /// What is kept still holds.
    fn hold(
        self,
        cache: &super::Cache,
        upstream: Name,
        news: &HeaderMap,
        delay: Duration,
        begun: u64,
    ) -> Result<Response<AnswerBody>, Problem> {
        let store = &cache.store;
        let Some(known) = self.known.clone().filter(|it| !conditional::is_of_another(news, &it.headers))
        else {
            store.forget(&self.asked.key);
            return self.fail(answer::rubbish(upstream));
        };
        let headers = known.merged(news);
        let answer = Answer { status: known.status, headers: &headers, delay, framed: true };
        let Some(freshness) = Freshness::of(&answer, self.asked.credentials) else {
            // It holds, and is no longer to be kept.
            store.forget(&self.asked.key);
            let response = hit(&known, &self.asked, Status::Revalidated);
            self.lead.end(Outcome::Passed);
            return Ok(response);
        };
        let variant = Arc::new(known.refreshed(&headers, freshness, begun));
        if store.is_current(&variant, self.asked.place) {
            store.keep(&self.asked.key, variant.clone(), self.asked.variants);
        }
        Ok(self.serve(variant, Status::Revalidated))
    }

    fn serve(self, variant: Arc<Variant>, status: Status) -> Response<AnswerBody> {
        let response = hit(&variant, &self.asked, status);
        self.lead.end(Outcome::Kept(variant));
        response
    }

    /// The upstream gave no answer: what is stale serves where it may.
    fn fail(self, problem: Problem) -> Result<Response<AnswerBody>, Problem> {
        match self.known.clone().filter(|it| it.freshness.serves_on_errors()) {
            Some(stale) => Ok(self.serve(stale, Status::StaleOnError)),
            None => {
                self.lead.end(Outcome::Failed(problem.clone()));
                Err(problem)
            }
        }
    }

    fn status(&self, kept: bool) -> Status {
        match self.known {
            Some(_) => Status::Replaced { kept },
            None => Status::Miss { vary: self.differs, kept },
        }
    }
}

/// The first client's answer; it may have it already.
fn stream(head: response::Parts, body: AnswerBody, conditions: &HeaderMap) -> Response<AnswerBody> {
    if head.status == StatusCode::OK && conditional::is_known(conditions, &head.headers) {
        return conditional::not_modified(head.headers);
    }
    Response::from_parts(head, body)
}

fn told(mut response: Response<AnswerBody>, status: Status) -> Response<AnswerBody> {
    status.tell(response.headers_mut());
    response
}
