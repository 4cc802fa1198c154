//! A request's whole way, from top to bottom: match → guard → authenticate → authorize → exchange → limit →
//! route → forward → answer → log.

use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, header, request};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use platform_components::Name;
use platform_http::Problem;
use platform_http::problem;
use tracing::Instrument as _;

use crate::answer::{self, AnswerBody, Form, Ids, Wish};
use crate::cache::{self, Call};
use crate::clock::Moment;
use crate::core::{Core, Live};
use crate::forward::{self, Failure, Fault, Source};
use crate::gone::Waiting;
use crate::guard::{self, Peer, cors};
use crate::limit::{self, Who};
use crate::log::Visit;
use crate::routes::Compiled;
use crate::tokens::{self, Caller};
use crate::upstream::Upstream;

/// What is found out about a request on its way, for the log.
#[derive(Default)]
struct Found<'a> {
    route: Option<&'a Compiled>,
    caller: Option<Rc<Caller>>,
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
    let mut found = Found::default();
    let waiting = Waiting::begin();
    // Pinned before it is used in either way: its state is large, and each move of it is a copy.
    let passed = {
        let passing = pin!(pass(core, &live, peer, request, &ids, now, &mut found));
        if span.is_none() { passing.await } else { passing.instrument(span.clone()).await }
    };
    let mut response = match passed {
        Ok(response) => response,
        Err(problem) => answer::refuse(&problem, form, text(&ids.request)),
    };
    if let Some(rules) = found.route.and_then(Compiled::response_rules) {
        rules.apply(response.headers_mut());
    }
    if let Some(wish) = wish {
        response = Box::pin(wish.grant(response)).await;
    }
    let visit = Visit {
        method: &method,
        route: found.route.map_or("unmatched", Compiled::name),
        index: found.route.map(Compiled::index),
        request_id: text(&ids.request),
        trace_id: text(&ids.trace),
        client: found.caller.as_deref().map(Caller::client),
        status: response.status(),
        elapsed: now.instant.elapsed(),
    };
    if !span.is_none() {
        span.record("trace_id", visit.trace_id);
        span.record("http.route", visit.route);
        span.record("http.response.status_code", visit.status.as_u16());
    }
    span.in_scope(|| core.seen.record(core.shared.log, core.random(), &visit));
    let headers = response.headers_mut();
    headers.reserve(2);
    headers.insert(guard::REQUEST_ID, ids.request);
    headers.insert(answer::TRACE_ID, ids.trace);
    if chunked {
        // There may have been a length beside it, which is how requests are smuggled: nothing that follows
        // on this connection is believed (RFC 9112 §6.1).
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    waiting.over();
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
    found: &mut Found<'a>,
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
    found.route = Some(route);
    let upstream = live.upstream(route).ok_or(problem::NOT_FOUND)?;

    // guard
    if let Some(answer) = cors::preflight(&parts, route) {
        return Ok(answer);
    }
    let origin = cors::allowed(&parts.headers, route);
    guard::check_route(&parts, route)?;
    let mut address = guard::client_address(peer, &parts.headers, &shared.trusted);

    let permit = shared.load.admit(route.priority())?;

    // authenticate, authorize, exchange
    let caller = match route.audience() {
        Some(_) => core.callers.caller(&shared.tokens, &parts.headers, &parts.method, route, now).await?,
        None => None,
    };
    found.caller.clone_from(&caller);
    let caller = caller.as_deref();
    if caller.is_some_and(Caller::is_web) {
        address = guard::forwarded_for(&parts.headers).unwrap_or(address);
    }
    tokens::exchange(&shared.tokens, &mut parts.headers, route, caller).await?;

    // limit
    let who = who(caller, address);
    let told = limit::count(&shared.limits, route, who)?;

    // route, forward
    let upgrade = upgrade(&mut parts, route);
    let spot = shared.cache.spot(&live.table, route, &parts);
    prepare(core, route, upstream, &mut parts, address, ids)?;
    let source = Source::new(body, route.body_limit(), route.idle_timeout());
    let method = parts.method.clone();
    let mut response = match &spot {
        Some(spot) if route.cache().is_some() => {
            let call = Call { core, live, route, upstream, permit, begun: now.instant };
            Box::pin(cache::serve(call, spot, parts, source)).await?
        }
        _ => {
            let answered = forward::send(core, route, upstream, parts, &source).await;
            let mut answered = answered.map_err(|failure| refusal(route, upstream, &failure))?;
            if answered.response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
                return switch(route, upgrade, &mut answered);
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
    if let Some(origin) = origin {
        cors::permit(response.headers_mut(), origin);
    }
    Ok(response)
}

/// Whom a request counts for. The shop's server speaks for visitors, who are told apart by their addresses.
fn who(caller: Option<&Caller>, address: IpAddr) -> Who<'_> {
    let visitors = caller.is_some_and(|caller| caller.is_web() && caller.is_service());
    let caller = caller.filter(|_| !visitors);
    Who { subject: caller.map(Caller::subject), client: caller.map(Caller::client), address }
}

/// Makes the upstream's request out of the client's.
fn prepare(
    core: &Core,
    route: &Compiled,
    upstream: &Upstream,
    parts: &mut request::Parts,
    client: IpAddr,
    ids: &Ids,
) -> Result<(), Problem> {
    let told = (ids.request.clone(), ids.traceparent.clone());
    let upgrade = parts.extensions.get::<Upgrade>().map(|upgrade| upgrade.0.clone());
    guard::request(
        &mut parts.headers,
        (upstream.name, &upstream.target.authority),
        &core.shared.told,
        core.client(client),
        told,
    );
    if let Some(protocol) = upgrade {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol);
    }
    if let Some(rules) = route.request_rules() {
        rules.apply(&mut parts.headers);
    }
    parts.uri = route.target(&parts.uri).map_err(|error| Problem::internal(&error))?;
    parts.version = http::Version::HTTP_11;
    Ok(())
}

/// The protocol that a client asks for, on routes that let it.
#[derive(Clone)]
struct Upgrade(HeaderValue);

/// Takes the client's side of an upgrade out of its request.
fn upgrade(parts: &mut request::Parts, route: &Compiled) -> Option<hyper::upgrade::OnUpgrade> {
    let waiting = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    if !route.upgrades() || !guard::is_upgrade(&parts.headers) {
        return None;
    }
    let protocol = parts.headers.get(header::UPGRADE)?.clone();
    parts.extensions.insert(Upgrade(protocol));
    waiting
}

/// Joins client and upstream once both have left HTTP.
fn switch(
    route: &Compiled,
    client: Option<hyper::upgrade::OnUpgrade>,
    answered: &mut forward::Answered,
) -> Result<Response<AnswerBody>, Problem> {
    let Some(client) = client else {
        tracing::warn!(upstream = %route.upstream_name(), "the upstream switched protocols unasked");
        failed(route.upstream_name(), "rubbish");
        return Err(problem::UNAVAILABLE.detail("the service answered rubbish").retry_after(1));
    };
    let protocol = answered.response.headers().get(header::UPGRADE).cloned();
    let upstream = hyper::upgrade::on(&mut answered.response);
    tokio::task::spawn_local(async move {
        let Ok((client, upstream)) = tokio::try_join!(client, upstream) else { return };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        // Either side may end it at any time; there is nobody left to tell.
        drop(tokio::io::copy_bidirectional(&mut client, &mut upstream).await);
    });
    let mut response = Response::new(AnswerBody::Whole(None));
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    for (name, value) in answered.response.headers() {
        if name.as_str().starts_with("sec-websocket-") {
            headers.append(name, value.clone());
        }
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(header::UPGRADE, protocol);
    }
    Ok(response)
}

/// What the client is told about a failure; logged here, once.
pub(crate) fn refusal(route: &Compiled, upstream: &Upstream, failure: &Failure) -> Problem {
    let name = upstream.name;
    let label = match failure {
        Failure::Open => "open",
        Failure::Unresolved => "unresolved",
        Failure::Connect(_) => "connect",
        Failure::Broken(error) if error.is_parse() => "rubbish",
        Failure::Unsent(_) | Failure::Broken(_) => "broken",
        Failure::Late => "late",
        Failure::Body(_) => "client",
    };
    failed(name, label);
    match failure {
        Failure::Body(Fault::TooLong) => guard::too_large(route),
        Failure::Body(Fault::TooSlow) => problem::SLOW.detail("send the body without long pauses"),
        Failure::Body(Fault::Broken) => problem::MALFORMED.detail("the body broke off"),
        Failure::Late => {
            tracing::warn!(upstream = %name, seconds = route.timeout().as_secs(), "upstream is late");
            problem::TIMEOUT.detail(format!("{name} did not answer in time"))
        }
        _ => {
            tracing::warn!(upstream = %name, error = %problem::Chain(failure), "upstream is unreachable");
            problem::UNAVAILABLE.detail(format!("{name} is not available right now")).retry_after(1)
        }
    }
}

fn failed(upstream: Name, reason: &'static str) {
    let labels = [("upstream", upstream.as_str()), ("reason", reason)];
    metrics::counter!("gateway_failures_total", &labels).increment(1);
}

/// Ids are made of visible ASCII.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
