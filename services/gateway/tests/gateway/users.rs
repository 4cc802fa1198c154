//! Many users at once: whatever else happens, nobody's request ever carries somebody else's token.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use platform_testkit::{TestIssuer, secret_file};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::exchange::{Identity, SECRET, claims, user};
use crate::support::{raw_upstream, start};
use crate::talk::Talk;

const USERS: usize = 50;
/// Connections of a user: two of each of its clients.
const CONNECTIONS: usize = 4;
const CALLS: usize = 1000;
/// The clients of each user, and what each of them may do.
const CLIENTS: [(&str, &str); 2] =
    [("web", "basket.use catalog.learn order.buy order.read"), ("mobile", "order.read")];
const AUDIENCES: [&str; 3] = ["order", "catalog", "basket"];

/// An upstream that answers with the token that it got.
async fn echo(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let (mut line, mut token) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.strip_prefix("authorization: Bearer ") {
            value.trim_end().clone_into(&mut token);
        }
        if line == "\r\n" {
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{token}", token.len());
            if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            token.clear();
        }
    }
}

/// One connection of one user's client: calls all services in turn and looks at what each of them got.
async fn calls(address: std::net::SocketAddr, id: Uuid, client: usize, token: Arc<str>) -> usize {
    let (client, scope) = CLIENTS[client];
    let mut talk = Talk::to(address).await;
    let own = format!("authorization: Bearer {token}\r\n");
    let mut looked: HashMap<&str, HashSet<String>> = HashMap::new();
    for call in 0..CALLS / CONNECTIONS {
        let audience = AUDIENCES[call % AUDIENCES.len()];
        let sent = talk.get(&format!("/{audience}"), &own).await;
        // One that was looked at is still the right one here.
        if looked.entry(audience).or_default().contains(&sent) {
            continue;
        }
        let claims = claims(&sent);
        assert_eq!(claims["sub"], id.to_string(), "somebody else's token");
        assert_eq!((claims["client_id"].as_str(), claims["scope"].as_str()), (Some(client), Some(scope)));
        assert_eq!(claims["aud"], audience);
        assert_ne!(*sent, *token, "the token itself must not leave the gateway");
        looked.entry(audience).or_default().insert(sent);
    }
    looked.values().map(HashSet::len).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_users_with_a_thousand_mixed_calls_each_never_meet_each_other() {
    let (identity, secret) = (Identity::default(), secret_file(SECRET));
    let token_url = format!("http://{}/identity/token", identity.serve().await);
    let upstream = raw_upstream(echo).await;
    let mut routes = "version: 1\nupstreams:\n".to_owned();
    routes.extend(AUDIENCES.map(|name| format!("  {name}: {{url: 'http://{upstream}'}}\n")));
    routes.push_str("routes:\n");
    routes.extend(AUDIENCES.map(|name| {
        format!("  - {{path: /{name}, upstream: {name}, audience: {name}, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60}}\n")
    }));
    let settings = [
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
        ("TOKEN_URL", token_url.as_str()),
        ("CLIENT_SECRET_FILE", secret.path().to_str().unwrap()),
        // So that tokens are renewed all the while.
        ("TOKEN_CHECK_SECONDS", "1"),
        ("SERVING_THREADS", "4"),
    ];
    let running = start(&routes, &settings).await;
    let mut working = Vec::new();
    for id in (0..USERS).map(|_| Uuid::now_v7()) {
        let tokens = CLIENTS.map(|(client, scope)| Arc::<str>::from(user(id, client, scope).sign()));
        for connection in 0..CONNECTIONS {
            let client = connection % CLIENTS.len();
            working.push(tokio::spawn(calls(running.address(), id, client, tokens[client].clone())));
        }
    }
    let mut looked = 0;
    for working in working {
        looked += working.await.unwrap();
    }
    let first = USERS * CLIENTS.len() * AUDIENCES.len();
    assert!(identity.asked() > first, "nothing was renewed meanwhile: {}", identity.asked());
    assert!(looked > USERS * CONNECTIONS * AUDIENCES.len(), "nobody met a renewed token: {looked}");
}
