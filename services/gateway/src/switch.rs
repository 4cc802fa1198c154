//! Upgrades (RFC 9110 §7.8): a client and an upstream that both leave HTTP are joined, and watched no less than a
//! request is.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header, request};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use platform_http::Problem;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::Instant;

use crate::answer::{self, AnswerBody};
use crate::core::Core;
use crate::forward::Answered;
use crate::guard;
use crate::limit::Permit;
use crate::routes::Compiled;

/// The protocol that a client asks for, on routes that let it.
#[derive(Clone)]
struct Wanted(HeaderValue);

/// Takes the client's side of an upgrade out of its request.
pub(crate) fn wish(parts: &mut request::Parts, route: &Compiled) -> Option<OnUpgrade> {
    let waiting = parts.extensions.remove::<OnUpgrade>();
    if !route.upgrades() || !guard::is_upgrade(&parts.headers) {
        return None;
    }
    let protocol = parts.headers.get(header::UPGRADE)?.clone();
    parts.extensions.insert(Wanted(protocol));
    waiting
}

/// The protocol of [`wish`].
pub(crate) fn protocol(parts: &request::Parts) -> Option<HeaderValue> {
    parts.extensions.get::<Wanted>().map(|wanted| wanted.0.clone())
}

/// Joins client and upstream once both have left HTTP. They keep the request's place, and are parted when neither
/// says anything for the route's idle time, or its total time is over.
///
/// # Errors
/// A 503 when nobody had asked the upstream for it.
pub(crate) fn join(
    core: &Core,
    route: &Compiled,
    client: Option<OnUpgrade>,
    answered: Answered,
    permit: Permit,
    begun: Instant,
) -> Result<Response<AnswerBody>, Problem> {
    let (head, body) = answered.response.into_parts();
    let (Some(client), Some((upstream, ahead))) = (client, body.into_switched()) else {
        tracing::warn!(upstream = %route.upstream_name(), "the upstream switched protocols unasked");
        return Err(answer::rubbish(route.upstream_name()));
    };
    let held = (answered.lease, permit, core.count());
    let idle = route.idle_timeout();
    let total = route.total_timeout();
    let tunnel = core.tunnels.track_future(async move {
        let Ok(client) = client.await else { return };
        let stirred = Rc::new(Cell::new(true));
        let mut client = Noted { stream: TokioIo::new(client), stirred: stirred.clone() };
        let mut upstream = Noted { stream: upstream, stirred: stirred.clone() };
        let joined = async {
            client.write_all(&ahead).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await
        };
        let over = async {
            match total {
                Some(total) => tokio::time::sleep_until(begun + total).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Either side may end it at any time; there is nobody left to tell.
            ended = joined => drop(ended),
            () = silence(&stirred, idle) => metrics::counter!("gateway_tunnels_ended_total", "reason" => "silent").increment(1),
            () = over => metrics::counter!("gateway_tunnels_ended_total", "reason" => "late").increment(1),
        }
        drop(held);
    });
    tokio::task::spawn_local(tunnel);
    Ok(switched(&head.headers))
}

/// The client's answer. Nothing of the upstream's passes but what belongs to the protocol.
fn switched(told: &http::HeaderMap) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(None));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    for (name, value) in told.iter().filter(|(name, _)| name.as_str().starts_with("sec-websocket-")) {
        headers.append(name, value.clone());
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = told.get(header::UPGRADE) {
        headers.insert(header::UPGRADE, protocol.clone());
    }
    response
}

/// Ends when nothing stirred for `idle`, at most twice as long.
async fn silence(stirred: &Cell<bool>, idle: Duration) {
    while stirred.take() {
        tokio::time::sleep(idle).await;
    }
}

/// A stream that tells when something came on it. What is written came on the other.
struct Noted<S> {
    stream: S,
    stirred: Rc<Cell<bool>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.stirred.set(true);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
