use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use platform_components::{Name, ServerKind};
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};

use crate::platform::Platform;

/// A Redis that keeps its users in a file, as managed ones do. It ends with the test.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

fn spawn(folder: &std::path::Path, port: u16) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
        .arg("--dir")
        .arg(folder)
        .arg("--aclfile")
        .arg(folder.join("users.acl"))
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.acl"), "user default on >root ~* &* +@all\n").unwrap();
        // Free now; that somebody takes it before Redis does is unlikely enough.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = spawn(folder.path(), port);
        Self { folder, port, process }
    }

    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(self.folder.path(), self.port);
    }

    async fn connect(&self, user: &str, password: &str) -> Result<MultiplexedConnection, redis::RedisError> {
        let client = Client::open(format!("redis://{user}:{password}@127.0.0.1:{}/", self.port))?;
        let started = Instant::now();
        loop {
            match client.get_multiplexed_async_connection().await {
                Err(error) if error.is_io_error() && started.elapsed() < Duration::from_secs(20) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_component_touches_its_own_keys_only_also_after_a_restart_of_the_server() {
    let mut server = Server::start();
    let platform = Platform::new();
    let port = server.port.to_string();
    let files = [("host", "127.0.0.1"), ("port", port.as_str()), ("password", "root")];
    platform.connection(ServerKind::Redis, &files);
    platform.provision().await.unwrap();
    platform.provision().await.unwrap();
    server.restart();

    let user = format!("{}_a", platform.database(Name::Basket));
    let password = platform.password(Name::Basket, ServerKind::Redis);
    let mut basket = server.connect(&user, &password).await.unwrap();
    let (own, foreign) =
        (format!("{}:x", platform.database(Name::Basket)), format!("{}:x", platform.database(Name::Web)));
    let set = async |connection: &mut MultiplexedConnection, key: &str| {
        cmd("SET").arg(key).arg(1).exec_async(connection).await
    };
    set(&mut basket, &own).await.unwrap();
    let refused = set(&mut basket, &foreign).await.unwrap_err().to_string();
    assert!(refused.contains("NOPERM") || refused.to_lowercase().contains("permission"), "{refused}");
    assert!(cmd("FLUSHALL").exec_async(&mut basket).await.is_err());
    assert!(server.connect(&user, "wrong").await.is_err());
}
