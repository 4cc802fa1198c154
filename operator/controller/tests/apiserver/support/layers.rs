//! Layers directly above the connection: they see every call, repetitions included.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use courseplatform_operator::client::write_verb;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

type Answer = Result<Response<Box<DynBody>>, BoxError>;

/// Whether a call writes something that counts: Events tell, they change nothing.
fn counted(request: &Request<Body>) -> Option<String> {
    let verb = write_verb(request.method())?;
    let path = request.uri().path();
    (!path.contains("/events")).then(|| format!("{verb} {path}"))
}

/// Writes down every call that writes.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    writes: Arc<Mutex<Vec<String>>>,
}

impl Calls {
    pub(crate) fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }
}

impl<S> Layer<S> for Calls {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counting { inner, calls: self.clone() }
    }
}

pub(crate) struct Counting<S> {
    inner: S,
    calls: Calls,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Counting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(write) = counted(&request) {
            self.calls.writes.lock().unwrap().push(write);
        }
        self.inner.call(request)
    }
}

/// How a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never reaches the server.
    NotSent,
    /// The server does it, and its answer is lost.
    AnswerLost,
}

/// Lets exactly the `n`th write fail (the first is 1).
#[derive(Clone)]
pub(crate) struct FailNth {
    n: usize,
    fault: Fault,
    seen: Arc<AtomicUsize>,
}

impl FailNth {
    pub(crate) fn new(n: usize, fault: Fault) -> Self {
        Self { n, fault, seen: Arc::default() }
    }

    /// Whether there were that many writes.
    pub(crate) fn has_failed(&self) -> bool {
        self.seen.load(Ordering::SeqCst) >= self.n
    }
}

impl<S> Layer<S> for FailNth {
    type Service = Failing<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Failing { inner, plan: self.clone() }
    }
}

pub(crate) struct Failing<S> {
    inner: S,
    plan: FailNth,
}

impl<S> Service<Request<Body>> for Failing<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fails =
            counted(&request).is_some() && self.plan.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.plan.n;
        if fails && self.plan.fault == Fault::NotSent {
            return Box::pin(async { Err("the connection broke before the call".into()) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if fails { Err("the connection broke before the answer".into()) } else { answer }
        })
    }
}

/// Replaces a text in everything that the server answers, as if an older definition had let it in.
#[derive(Clone)]
pub(crate) struct Corrupt {
    pub(crate) text: &'static str,
    pub(crate) instead: &'static str,
}

impl<S> Layer<S> for Corrupt {
    type Service = Corrupting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Corrupting { inner, plan: self.clone() }
    }
}

pub(crate) struct Corrupting<S> {
    inner: S,
    plan: Corrupt,
}

impl<S> Service<Request<Body>> for Corrupting<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.inner.call(request);
        let Corrupt { text, instead } = self.plan.clone();
        Box::pin(async move {
            Ok(answer.await?.map(|body| {
                let body = body.map_frame(move |frame| {
                    frame.map_data(|data| Bytes::from(String::from_utf8_lossy(&data).replace(text, instead)))
                });
                Box::new(body) as Box<DynBody>
            }))
        })
    }
}
