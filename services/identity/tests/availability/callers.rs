//! Callers that never rest, and check everything that they get.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_auth::{Authenticator, KeyFetcher, Keys, Rejection};
use platform_testkit::{Api, eventually};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::replicas::{Endpoints, ISSUER, Platform, SECRET};

const SOON: Duration = Duration::from_secs(30);
/// Components look every minute; here a day takes seconds.
const LOOK: Duration = Duration::from_millis(200);
/// How often a request is sent again.
const TRIES: usize = 5;
/// Two of each kind.
const NUMBER: usize = 6;

pub(crate) struct Callers {
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    stop: CancellationToken,
    service: String,
}

struct Shared {
    endpoints: Endpoints,
    http: reqwest::Client,
    basket: Authenticator,
    gateway: Authenticator,
    /// Requests of each caller that succeeded.
    succeeded: [AtomicUsize; NUMBER],
    failures: Mutex<Vec<String>>,
    /// Requests without an answer: which replica, and why.
    broken: Mutex<Vec<(String, String)>>,
    signers: Mutex<BTreeSet<String>>,
}

impl Callers {
    pub(crate) async fn start(platform: &Platform) -> Self {
        let stop = CancellationToken::new();
        let service = forwarder(platform.endpoints.clone()).await;
        let keys = Keys::default();
        let uri = format!("{service}/identity/jwks").parse().unwrap();
        let fetcher = KeyFetcher::new(keys.clone(), &uri).unwrap().every(LOOK);
        tokio::spawn(fetcher.run(stop.clone()));
        let basket = Authenticator::new(ISSUER, "basket", keys.clone());
        let shared = Arc::new(Shared {
            endpoints: platform.endpoints.clone(),
            http: reqwest::Client::builder().no_proxy().timeout(SOON).build().unwrap(),
            basket,
            gateway: Authenticator::new(ISSUER, "gateway", keys.clone()),
            succeeded: Default::default(),
            failures: Mutex::default(),
            broken: Mutex::default(),
            signers: Mutex::default(),
        });
        // A component is called when it has the keys; until then it says so itself.
        let nobody = "a.b.c";
        eventually(SOON, || async { !matches!(shared.basket.verify_now(nobody), Err(Rejection::NoKeys)) })
            .await;
        let mut tasks = Vec::new();
        for index in 0..NUMBER {
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            let email = format!("someone{index}@example.com");
            if index % 3 == 2 {
                platform.person(&email).await;
            }
            tasks.push(tokio::spawn(async move {
                match index % 3 {
                    0 => shared.ask_for_tokens(index, stop).await,
                    1 => shared.introspect(index, stop).await,
                    _ => shared.refresh(index, &email, stop).await,
                }
            }));
        }
        Self { shared, tasks, stop, service }
    }

    pub(crate) fn number(&self) -> usize {
        NUMBER
    }

    /// Until each caller has had `each` answers more.
    pub(crate) async fn go_on(&self, each: usize) {
        let counts = || self.shared.succeeded.iter().map(|count| count.load(Ordering::SeqCst));
        let before: Vec<usize> = counts().collect();
        let further = || async {
            assert_eq!(*self.shared.failures.lock().unwrap(), Vec::<String>::new());
            counts().zip(&before).all(|(now, before)| now >= before + each)
        };
        eventually(SOON, further).await;
    }

    /// Until the verifiers' source has this many keys.
    pub(crate) async fn know_keys(&self, many: usize) {
        let api = Api::new(self.service.clone());
        eventually(SOON, || async {
            let jwks: Value = api.get("/identity/jwks").await.expect(200).json();
            jwks["keys"].as_array().unwrap().len() == many
        })
        .await;
    }

    /// The keys that have signed what callers got.
    pub(crate) fn signers(&self) -> Vec<String> {
        self.shared.signers.lock().unwrap().iter().cloned().collect()
    }

    pub(crate) fn broken(&self) -> Vec<(String, String)> {
        self.shared.broken.lock().unwrap().clone()
    }

    /// Ends the load; tells how many requests succeeded, and what failed.
    pub(crate) async fn stop(self) -> (usize, Vec<String>) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        let succeeded = self.shared.succeeded.iter().map(|count| count.load(Ordering::SeqCst)).sum();
        (succeeded, self.shared.failures.lock().unwrap().clone())
    }
}

impl Shared {
    async fn ask_for_tokens(&self, index: usize, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if self.service_token().await.is_some() {
                self.succeeded[index].fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    async fn introspect(&self, index: usize, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Some(token) = self.service_token().await else { continue };
            let told = self.post("/identity/introspect", "order", &[("token", &token)]).await;
            match told {
                Some(told) if told["active"] == true => {
                    self.succeeded[index].fetch_add(1, Ordering::SeqCst);
                }
                Some(told) => self.failed(format!("a token that was just given is not active: {told}")),
                None => {}
            }
        }
    }

    async fn refresh(&self, index: usize, email: &str, stop: CancellationToken) {
        let signed_in =
            [("grant_type", "password"), ("username", email), ("password", "correct horse battery")];
        let mut tokens = self.post("/identity/token", "app", &signed_in).await;
        // Whoever has no refresh token any more has failed, which is told.
        while let Some(known) = tokens.filter(|_| !stop.is_cancelled()) {
            self.verify(&self.gateway, known["access_token"].as_str().unwrap()).await;
            self.succeeded[index].fetch_add(1, Ordering::SeqCst);
            let refresh = known["refresh_token"].as_str().unwrap();
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
            tokens = self.post("/identity/token", "app", &form).await;
        }
    }

    async fn service_token(&self) -> Option<String> {
        let form = [("grant_type", "client_credentials"), ("scope", "basket.sys.read")];
        let answer = self.post("/identity/token", "order", &form).await?;
        let token = answer["access_token"].as_str().unwrap().to_owned();
        self.verify(&self.basket, &token).await.then_some(token)
    }

    /// A call to a component with the token.
    async fn verify(&self, component: &Authenticator, token: &str) -> bool {
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        self.signers.lock().unwrap().insert(header["kid"].as_str().unwrap().to_owned());
        let verified = component.verify(token).await;
        if let Err(rejection) = &verified {
            self.failed(format!("a token was refused: {rejection}"));
        }
        verified.is_ok()
    }

    /// Sends a form, and sends it again to another replica when there is no answer.
    async fn post(&self, path: &str, client: &str, form: &[(&str, &str)]) -> Option<Value> {
        for _ in 0..TRIES {
            let replica = self.endpoints.pick();
            let request = self.http.post(format!("{replica}{path}")).basic_auth(client, Some(SECRET));
            let answer = match request.form(form).send().await {
                Ok(answer) => Ok((answer.status(), answer.text().await)),
                Err(error) => Err(error),
            };
            match answer {
                Ok((status, Ok(text))) if status == 200 => return serde_json::from_str(&text).ok(),
                Ok((status, Ok(text))) => {
                    self.failed(format!("{path} at {replica}: {status} {text}"));
                    return None;
                }
                Ok((_, Err(error))) | Err(error) => {
                    self.broken.lock().unwrap().push((replica, format!("{path}: {error:?}")));
                }
            }
        }
        self.failed(format!("{path}: no answer in {TRIES} tries"));
        None
    }

    fn failed(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }
}

/// The Service's one address: each connection goes to a replica that is ready.
async fn forwarder(endpoints: Endpoints) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let replica = endpoints.pick();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(replica.trim_start_matches("http://")).await {
                    // Either end may break it off; whoever asked asks again.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    format!("http://{address}")
}
