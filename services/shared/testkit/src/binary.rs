//! A component's real binary: started with an environment of its own, refused, stopped.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::TestIssuer;

/// A wrong setting must be told within this time.
const REFUSAL: Duration = Duration::from_secs(1);

/// A binary and the environment it is started with; nothing of the test's own environment reaches it.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    environment: Vec<(String, String)>,
}

impl Binary {
    /// The binary at `path`: `Binary::new(env!("CARGO_BIN_EXE_discount"))`. It listens on free ports of the
    /// loopback interface, logs text, and trusts the tokens of [`TestIssuer::shared`].
    #[must_use]
    pub fn new(path: &str) -> Self {
        let environment = Vec::new();
        Self { path: path.into(), environment }
            .env("LISTEN_ADDR", "127.0.0.1:0")
            .env("ADMIN_ADDR", "127.0.0.1:0")
            .env("PUBLIC_URL", "http://localhost:8080")
            .env("LOG_FORMAT", "text")
            .env("JWKS_URI", TestIssuer::shared().jwks_uri())
    }

    /// The same with a setting; a later value takes the place of an earlier one.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != key);
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same without a setting.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.environment.retain(|(known, _)| known != key);
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, for `migrate`, `seed` and `--help`.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.expect("the binary starts")
    }

    /// Runs it to its end and asserts that it succeeded.
    ///
    /// # Panics
    /// With what it printed, when it failed.
    pub async fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?} ended with {}: {errors}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Asserts that it refuses to start: exit code 2, within a second, with one line that names `key`.
    ///
    /// # Panics
    /// With what it printed, when it does not.
    pub async fn refuses(&self, key: &str) {
        let begun = Instant::now();
        let output = tokio::time::timeout(Duration::from_secs(10), self.run(&[])).await;
        let output =
            output.unwrap_or_else(|_| panic!("{key}: it started with a setting that it should refuse"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{key}: {text}");
        assert!(begun.elapsed() < REFUSAL, "{key}: it took {:?} to refuse", begun.elapsed());
        assert_eq!(text.trim_end().lines().count(), 1, "{key}: not one line: {text}");
        assert!(text.contains(key), "the line does not name {key}: {text}");
    }

    /// Starts it in the background.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(&self) -> Running {
        let mut command = self.command(&[]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Running { child: command.spawn().expect("the binary starts") }
    }
}

/// A running binary; dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Sends SIGKILL, and is back before anything else can happen in a test with one thread.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn kill(&mut self) {
        self.child.start_kill().expect("it still runs");
    }

    /// Sends SIGTERM, waits for the end and gives exit code and log. The code is `None` when a signal ended it.
    ///
    /// # Panics
    /// When it is gone already or does not end within 60 s.
    pub async fn terminate(self) -> (Option<i32>, String) {
        let pid = self.child.id().expect("it still runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill");
        assert!(sent.success(), "SIGTERM could not be sent");
        let output = tokio::time::timeout(Duration::from_secs(60), self.child.wait_with_output()).await;
        let output = output.expect("it ends after SIGTERM").expect("its end can be waited for");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A temporary file with a secret, for the settings that end in `_FILE`.
///
/// # Panics
/// When no file can be written.
#[must_use]
pub fn secret_file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), content).expect("a written file");
    file
}

/// Asserts that the committed file `path` (below the crate's folder) has this content; `UPDATE=1` writes it.
///
/// # Panics
/// When it differs, with the command that brings it up to date.
pub fn golden(path: impl AsRef<Path>, content: &str) {
    let path = path.as_ref();
    let content = format!("{}\n", content.trim_end());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, content).expect("the golden file can be written");
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == content,
        "{} is not up to date: run the test again with UPDATE=1 and look at the difference",
        path.display()
    );
}
