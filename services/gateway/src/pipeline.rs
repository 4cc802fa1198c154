//! A request's whole way, from top to bottom: match → guard → authenticate → authorize → exchange → limit →
//! route → forward → answer → log.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, header, request};
use hyper::body::Incoming;
use platform_http::Problem;
use platform_http::problem;
use tracing::Instrument as _;

use crate::answer::{self, AnswerBody, Form, Ids, Wish};
use crate::cache::{self, Call};
use crate::clock::Moment;
use crate::core::{Core, Live};
use crate::forward::{self, Source};
use crate::gone::Waiting;
use crate::guard::{self, Peer, Vouched, cors};
use crate::limit::{self, Who};
use crate::log::{self, Visit};
use crate::routes::Compiled;
use crate::switch;
use crate::tokens::{self, Caller};

/// What is found out about a request on its way, for the log.
#[derive(Default)]
struct Found<'a> {
    route: OnceCell<&'a Compiled>,
    caller: OnceCell<Rc<Caller>>,
    /// The foreign page that may read the answer.
    origin: OnceCell<HeaderValue>,
}

/// Handles one request.
pub(crate) async fn handle(core: &Rc<Core>, peer: Peer, request: Request<Incoming>) -> Response<AnswerBody> {
    let now = core.now();
    let span = core.shared.log.span(core.random(), request.method());
    let ids = Ids::new(core, &span, now);
    let live = core.live();
    let form = Form::of(request.headers());
    let method = request.method().clone();
    let wish = Wish::of(&method, request.headers());
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let found = Found::default();
    let record = |status| {
        let visit = Visit {
            method: &method,
            route: found.route.get().map_or("unmatched", |route| route.name()),
            index: found.route.get().map(|route| route.index()),
            request_id: text(&ids.request),
            trace_id: text(&ids.trace),
            client: found.caller.get().map(|caller| caller.client()),
            status,
            elapsed: now.instant.elapsed(),
        };
        if !span.is_none() {
            span.record("trace_id", visit.trace_id);
            span.record("http.route", visit.route);
            span.record("http.response.status_code", visit.status.as_u16());
        }
        span.in_scope(|| core.seen.record(core.shared.log, core.random(), &visit));
    };
    let waiting = Waiting::begin(|| record(log::client_gone()));
    // Pinned before it is used in either way: its state is large, and each move of it is a copy.
    let passed = {
        let passing = pin!(pass(core, &live, peer, request, &ids, now, &found));
        if span.is_none() { passing.await } else { passing.instrument(span.clone()).await }
    };
    let mut response = match passed {
        Ok(response) => response,
        Err(problem) => answer::refuse(&problem, form, text(&ids.request)),
    };
    if let Some(rules) = found.route.get().and_then(|route| route.response_rules()) {
        rules.apply(response.headers_mut());
    }
    if let Some(route) = found.route.get() {
        cors::permit(response.headers_mut(), route, found.origin.get());
    }
    if let Some(wish) = wish {
        response = Box::pin(wish.grant(response)).await;
    }
    waiting.over();
    record(response.status());
    let headers = response.headers_mut();
    headers.reserve(2);
    headers.insert(guard::REQUEST_ID, ids.request);
    headers.insert(answer::TRACE_ID, ids.trace);
    if chunked {
        // There may have been a length beside it, which is how requests are smuggled: nothing that follows
        // on this connection is believed (RFC 9112 §6.1).
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer for a defect of ours.
pub(crate) fn panicked() -> Response<AnswerBody> {
    tracing::error!("handling a request panicked");
    answer::refuse(&Problem::from(problem::INTERNAL), Form::Document, "")
}

#[allow(clippy::too_many_arguments, reason = "one call, and each is used by several phases")]
async fn pass<'a>(
    core: &Rc<Core>,
    live: &'a Arc<Live>,
    peer: Peer,
    request: Request<Incoming>,
    ids: &Ids,
    now: Moment,
    found: &Found<'a>,
) -> Result<Response<AnswerBody>, Problem> {
    let shared = &core.shared;
    let (mut parts, body) = request.into_parts();

    // match
    guard::check_host(&parts)?;
    guard::check_path(parts.uri.path())?;
    if crate::pages::is_ours(parts.uri.path()) {
        return Box::pin(crate::pages::answer(core, live, peer, parts)).await;
    }
    let route = live.table.find(&parts).ok_or(problem::NOT_FOUND)?;
    found.route.get_or_init(|| route);
    let upstream = live.upstream(route).ok_or(problem::NOT_FOUND)?;

    // guard
    if let Some(answer) = cors::preflight(&parts, route) {
        return Ok(answer);
    }
    if let Some(origin) = cors::allowed(&parts.headers, route) {
        found.origin.get_or_init(|| origin);
    }
    guard::check_route(&parts, route)?;
    let mut address = guard::client_address(peer, &parts.headers, &shared.trusted);

    let permit = shared.load.admit(route.priority())?;

    // authenticate, authorize, exchange
    let caller = match route.audience() {
        Some(_) => {
            let from = limit::Address { limits: &shared.limits, class: live.table.wrong_tokens(), address };
            core.callers.caller(&shared.tokens, &parts, route, from, now).await?
        }
        None => None,
    };
    if let Some(caller) = &caller {
        found.caller.get_or_init(|| caller.clone());
    }
    let caller = caller.as_deref();
    if caller.is_some_and(Caller::is_web) {
        address = guard::forwarded_for(&parts.headers).unwrap_or(address);
    }
    tokens::exchange(&shared.tokens, &mut parts.headers, route, caller).await?;

    // limit
    let who = who(caller, address);
    let told = limit::count(&shared.limits, route, who)?;

    // route, forward
    let upgrade = switch::wish(&mut parts, route);
    let spot = shared.cache.spot(&live.table, route, &parts);
    let vouched = prepare(core, route, &mut parts, address, ids)?;
    let source = Source::new(body, route.body_limit(), route.idle_timeout());
    let method = parts.method.clone();
    let mut response = match &spot {
        Some(spot) if route.cache().is_some() => {
            let call = Call { core, live, route, upstream, vouched, permit, begun: now.instant };
            Box::pin(cache::serve(call, spot, parts, source)).await?
        }
        _ => {
            let answered = forward::send(core, route, upstream, parts, &vouched, &source).await;
            let answered = answered.map_err(|failure| answer::refusal(route, upstream, &failure))?;
            if answered.response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
                return switch::join(core, route, upgrade, answered, permit, now.instant);
            }
            answer::pass_on(core, route, answered, permit, now.instant)
        }
    };

    // answer
    if let Some(spot) = &spot {
        shared.cache.heed(spot, &method, &response);
    }
    if let Some(told) = told {
        told.write(response.headers_mut());
    }
    Ok(response)
}

/// Whom a request counts for. The shop's server speaks for visitors, who are told apart by their addresses.
fn who(caller: Option<&Caller>, address: IpAddr) -> Who<'_> {
    let visitors = caller.is_some_and(|caller| caller.is_web() && caller.is_service());
    let caller = caller.filter(|_| !visitors);
    Who { subject: caller.map(Caller::subject), client: caller.map(Caller::client), address }
}

/// Makes the upstream's request out of the client's, and says what comes beside it.
fn prepare(
    core: &Core,
    route: &Compiled,
    parts: &mut request::Parts,
    client: IpAddr,
    ids: &Ids,
) -> Result<Vouched, Problem> {
    let protocol = switch::protocol(parts);
    guard::request(&mut parts.headers, route.upstream_name(), core.shared.told.https);
    if let Some(protocol) = protocol {
        parts.headers.remove(header::TE);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol);
    }
    if let Some(rules) = route.request_rules() {
        rules.apply(&mut parts.headers);
    }
    parts.uri = route.target(&parts.uri).map_err(|error| Problem::internal(&error))?;
    Ok(Vouched {
        client: core.client(client),
        request_id: ids.request.clone(),
        traceparent: ids.traceparent.clone(),
        version: parts.version,
    })
}

/// Ids are made of visible ASCII.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
