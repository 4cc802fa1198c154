//! Memory, size and start of every component, measured at a platform that `dev` runs: what `make bench-platform` prints.
//! It asks the running components and starts each of them some more times beside itself; it judges nothing but
//! whether a budget holds, and leaves the platform as it was.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use platform_components::{Component, LOCAL_ADMIN_OFFSET, Name, components};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::ports::{Ports, listener_pid};
use crate::term::say;

/// Nobody may ask the platform for anything for this long before its memory is read.
const QUIET: Duration = Duration::from_secs(10);
/// Of so many starts the median counts.
const STARTS: usize = 5;
const POLL: Duration = Duration::from_millis(2);
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Budgets: resident memory of one component and of all, binary size, start; MB are 10⁶ bytes.
const MEMORY_MB: f64 = 15.0;
const GATEWAY_MEMORY_MB: f64 = 20.0;
const ALL_MEMORY_MB: f64 = 120.0;
const BINARY_MB: f64 = 20.0;
const START_MS: f64 = 100.0;

/// What was measured at one component.
#[derive(Debug)]
struct Measured {
    name: Name,
    memory_mb: f64,
    binary_mb: f64,
    start_ms: f64,
}

impl Measured {
    fn memory_budget(&self) -> f64 {
        if self.name == Name::Gateway { GATEWAY_MEMORY_MB } else { MEMORY_MB }
    }
}

/// Measures the running platform and prints a table in Markdown.
#[allow(clippy::print_stdout, reason = "the answer to the command")]
pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(5))
        .build()?;
    say(&format!("leaving the platform alone for {} s", QUIET.as_secs()));
    tokio::time::sleep(QUIET).await;
    // All memory first: the starts below are load on the servers and on peers.
    let mut memory = Vec::new();
    for component in components() {
        memory.push(resident(&http, component).await.with_context(|| component.name.to_string())?);
    }
    let mut all = Vec::new();
    for (component, memory) in components().iter().zip(memory) {
        say(&format!("starting {} {STARTS} times", component.name));
        all.push(measure(&http, component, memory).await.with_context(|| component.name.to_string())?);
    }
    println!("{}", table(&all));
    Ok(ExitCode::SUCCESS)
}

/// Resident memory in bytes, as the component itself tells it.
async fn resident(http: &reqwest::Client, component: &Component) -> anyhow::Result<f64> {
    let url = format!("http://127.0.0.1:{}/metrics", component.local_port + LOCAL_ADMIN_OFFSET);
    let answer = http.get(url).send().await.context("does the platform run? `courseplatform-local dev`")?;
    let text = answer.error_for_status()?.text().await?;
    metric(&text, "process_resident_memory_bytes").context("it has no process_resident_memory_bytes")
}

async fn measure(http: &reqwest::Client, component: &Component, memory: f64) -> anyhow::Result<Measured> {
    let running = listener_pid(component.local_port).context("its process can't be found by its port")?;
    let program = fs::read_link(format!("/proc/{running}/exe"))?;
    let environment = environment(&fs::read(format!("/proc/{running}/environ"))?);
    let mut starts = Vec::new();
    let mut ports = Ports::default();
    for _ in 0..STARTS {
        starts.push(start(http, &program, &environment, &mut ports).await?);
    }
    Ok(Measured {
        name: component.name,
        memory_mb: memory / 1e6,
        binary_mb: megabytes(&program)?,
        start_ms: median(starts).as_secs_f64() * 1e3,
    })
}

/// Starts the component once more and answers how long it took until it said that it is ready.
async fn start(
    http: &reqwest::Client,
    program: &Path,
    environment: &[(OsString, OsString)],
    ports: &mut Ports,
) -> anyhow::Result<Duration> {
    let api = ports.free().context("no free port")?;
    let admin = ports.free().context("no free port")?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .env_clear()
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .env("LISTEN_ADDR", format!("127.0.0.1:{api}"))
        .env("ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let url = format!("http://127.0.0.1:{admin}/readyz");
    let begun = Instant::now();
    let mut process = command.spawn()?;
    loop {
        if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            break;
        }
        if let Some(status) = process.try_wait()? {
            bail!("it ended while it started ({status})");
        }
        if begun.elapsed() > READY_WITHIN {
            bail!("it was not ready within {} s", READY_WITHIN.as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
    let took = begun.elapsed();
    if let Some(pid) = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
        kill_process(pid, Signal::TERM)?;
    }
    tokio::time::timeout(STOP_WITHIN, process.wait()).await.context("it did not stop in time")??;
    Ok(took)
}

/// The value of a metric without labels in Prometheus' text format.
fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The variables in `/proc/<pid>/environ` (proc(5)): `key=value`, each ended by a zero byte.
fn environment(bytes: &[u8]) -> Vec<(OsString, OsString)> {
    let owned = |bytes| OsStr::from_bytes(bytes).to_owned();
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|variable| {
            let at = variable.iter().position(|byte| *byte == b'=')?;
            Some((owned(&variable[..at]), owned(&variable[at + 1..])))
        })
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "no file is that large")]
fn megabytes(program: &Path) -> anyhow::Result<f64> {
    Ok(fs::metadata(program)?.len() as f64 / 1e6)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A value, in bold where it is above its budget.
fn told(value: f64, budget: f64) -> String {
    if value > budget { format!("**{value:.1}**") } else { format!("{value:.1}") }
}

fn table(all: &[Measured]) -> String {
    let mut lines = vec![
        "| Component | Memory at rest, MB | Binary, MB | Start to ready, ms |".to_owned(),
        "|---|---:|---:|---:|".to_owned(),
    ];
    for it in all {
        lines.push(format!(
            "| {} | {} | {} | {} |",
            it.name,
            told(it.memory_mb, it.memory_budget()),
            told(it.binary_mb, BINARY_MB),
            told(it.start_ms, START_MS)
        ));
    }
    let sum = all.iter().map(|it| it.memory_mb).sum();
    lines.push(format!("| all together | {} | | |", told(sum, ALL_MEMORY_MB)));
    lines.push(format!(
        "| budget | {MEMORY_MB} each, gateway {GATEWAY_MEMORY_MB}, together {ALL_MEMORY_MB} | {BINARY_MB} | {START_MS} |"
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# TYPE memory gauge\nmemory_bytes_limit 7\nmemory_bytes 1.5e6\n";
        assert_eq!(metric(text, "memory_bytes"), Some(1.5e6));
        assert_eq!(metric(text, "memory"), None);
    }

    #[test]
    fn an_environment_is_read_with_equals_signs_in_values() {
        let read = environment(b"A=1\0B=x=y\0");
        assert_eq!(read, [("A".into(), "1".into()), ("B".into(), OsString::from("x=y"))]);
    }

    #[test]
    fn what_is_above_its_budget_is_bold() {
        let measured = |name, memory_mb| Measured { name, memory_mb, binary_mb: 5.0, start_ms: 100.1 };
        let table = table(&[measured(Name::Gateway, 19.0), measured(Name::Web, 19.0)]);
        assert!(table.contains("| gateway | 19.0 | 5.0 | **100.1** |"), "{table}");
        assert!(table.contains("| web | **19.0** | 5.0 | **100.1** |"), "{table}");
        assert!(table.contains("| all together | 38.0 | | |"), "{table}");
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let times = [9, 1, 5, 7, 3].map(Duration::from_millis);
        assert_eq!(median(times.to_vec()), Duration::from_millis(5));
    }
}
