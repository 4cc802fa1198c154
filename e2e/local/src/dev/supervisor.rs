//! One component's process: its lines with its name before them, and a new start when it crashed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::settings;
use crate::guard::Guard;
use crate::process::{Output, Process};
use crate::term::{Colour, paint, say};

/// A crash sooner than this after the start counts as the same trouble.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);
/// The longest pause before a new start.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A component that is started again whenever it ends by itself.
pub(super) struct Supervised {
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<()>,
    failed_to_start: Arc<AtomicBool>,
}

impl Supervised {
    /// Starts it the first time.
    pub(super) fn start(
        name: &'static str,
        program: PathBuf,
        environment: Vec<(&'static str, String)>,
        guard: &Guard,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let failed_to_start = Arc::new(AtomicBool::new(false));
        let component = Running { name, program, environment, guard: guard.clone() };
        let process = component.spawn()?;
        let task = tokio::spawn(component.keep(process, stopped, Arc::clone(&failed_to_start)));
        Ok(Self { stop, task, failed_to_start })
    }

    /// Whether its very first process ended by itself.
    pub(super) fn failed_to_start(&self) -> bool {
        self.failed_to_start.load(Ordering::Relaxed)
    }

    /// Ends it; after `grace` by force.
    pub(super) async fn stop(self, grace: Duration) {
        // An error means that its task is gone, and its process with it.
        let _ = self.stop.send(grace);
        let _ = self.task.await;
    }
}

/// What is needed to start it again.
struct Running {
    name: &'static str,
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    guard: Guard,
}

impl Running {
    fn spawn(&self) -> std::io::Result<Process> {
        let mut command = Command::new(&self.program);
        command.arg("serve");
        settings::apply(&mut command, &self.environment);
        let mut process = Process::spawn(command, Output::Pipe, Signal::TERM, &self.guard)?;
        let (out, err) = process.take_output();
        print_lines(self.name, out);
        print_lines(self.name, err);
        Ok(process)
    }

    async fn keep(
        self,
        process: Process,
        mut stopped: oneshot::Receiver<Duration>,
        failed_to_start: Arc<AtomicBool>,
    ) {
        let mut current = Some(process);
        let mut started = Instant::now();
        let mut pause = Duration::from_millis(500);
        let mut first = true;
        loop {
            if let Some(mut process) = current.take() {
                let status = tokio::select! {
                    status = process.wait() => status,
                    grace = &mut stopped => return process.stop(grace.unwrap_or_default()).await,
                };
                let how = status.map_or_else(|e| e.to_string(), |s| s.to_string());
                // Told before its number may belong to somebody else.
                let _ = self.guard.forget(process.group());
                failed_to_start.fetch_or(first, Ordering::Relaxed);
                if started.elapsed() > HEALTHY_AFTER {
                    pause = Duration::from_millis(500);
                }
                let message =
                    format!("{} ended by itself ({how}); starting it again in {pause:?}", self.name);
                say(&paint(Colour::Yellow, &message));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = &mut stopped => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            first = false;
            started = Instant::now();
            match self.spawn() {
                Ok(process) => current = Some(process),
                Err(error) => {
                    say(&paint(Colour::Red, &format!("{} could not be started: {error}", self.name)));
                }
            }
        }
    }
}

/// Prints what a component writes, each line after its name.
fn print_lines(name: &'static str, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(stream) = stream else { return };
    let prefix = paint(colour(name), &format!("{name:>10} "));
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        // By bytes: a component that writes something else than UTF-8 must not lose its other lines.
        while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
            say(&format!("{prefix}{}", String::from_utf8_lossy(&line).trim_end()));
            line.clear();
        }
    });
}

/// A colour that is always the same for one name.
fn colour(name: &str) -> Colour {
    const COLOURS: [Colour; 5] = [Colour::Cyan, Colour::Green, Colour::Magenta, Colour::Blue, Colour::Yellow];
    let position = platform_components::components().iter().position(|c| c.name.as_str() == name);
    COLOURS[position.unwrap_or_default() % COLOURS.len()]
}
