//! Layers directly above the connection: they see every call, repetitions included.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use courseplatform_operator::client::write_verb;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

use super::snapshot::hashes_out;

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

/// A write of an installation: its verb and path without what differs from one to the next, and the how manieth of
/// that name it is, from 1.
pub(crate) type Write = (String, usize);

/// Gives every write its name, in the order of the calls.
#[derive(Clone, Default)]
struct Names {
    namespace: String,
    seen: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Names {
    fn of(&self, call: &str) -> Write {
        let name = hashes_out(&call.replace(&self.namespace, "NAMESPACE"));
        let mut seen = self.seen.lock().unwrap();
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        (name, *count)
    }
}

/// The names of calls that a [`Calls`] has written down.
pub(crate) fn named(calls: &Calls, namespace: &str) -> Vec<Write> {
    let names = Names { namespace: namespace.to_owned(), ..Names::default() };
    calls.writes().iter().map(|call| names.of(call)).collect()
}

/// Lets the writes of these names fail, each once; its repetition is another one.
#[derive(Clone)]
pub(crate) struct Doom {
    fault: Fault,
    names: Names,
    doomed: Arc<Mutex<Vec<Write>>>,
}

impl Doom {
    pub(crate) fn new(namespace: &str, fault: Fault, doomed: Vec<Write>) -> Self {
        let names = Names { namespace: namespace.to_owned(), ..Names::default() };
        Self { fault, names, doomed: Arc::new(Mutex::new(doomed)) }
    }

    /// The writes that never came.
    pub(crate) fn left(&self) -> Vec<Write> {
        self.doomed.lock().unwrap().clone()
    }

    fn strikes(&self, call: &str) -> bool {
        let write = self.names.of(call);
        let mut doomed = self.doomed.lock().unwrap();
        let found = doomed.iter().position(|other| *other == write);
        found.map(|at| doomed.remove(at)).is_some()
    }
}

impl<S> Layer<S> for Doom {
    type Service = Failing<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Failing { inner, plan: self.clone() }
    }
}

pub(crate) struct Failing<S> {
    inner: S,
    plan: Doom,
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
        let fails = counted(&request).is_some_and(|call| self.plan.strikes(&call));
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
