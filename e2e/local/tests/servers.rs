//! The servers as a developer starts them: by the program, with real processes, ended in every way.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_courseplatform-local");
/// RabbitMQ's first start on a busy machine.
const STARTED: Duration = Duration::from_secs(90);

fn servers(command: &[&str]) -> Command {
    let mut program = Command::new(PROGRAM);
    program.args(["servers", "--"]).args(command);
    program
}

fn run(command: &[&str]) -> (Output, String) {
    let output = servers(command).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

/// A program that ends with the test, also when that fails.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until it holds; fails with `what` when it does not.
fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen within {within:?}");
        sleep(Duration::from_millis(50));
    }
}

/// The processes whose command line has this word in it.
fn processes_with(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|p| std::fs::read(p.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(word))
        .collect()
}

/// Starts the servers around a command that writes their data directory's name to a file and sleeps, and
/// gives the program and that name.
fn started(place: &Path) -> (Program, String) {
    let file = place.join("where");
    // Redis itself tells where its data lies.
    let script = format!(
        "redis-cli -u $TEST_REDIS_URL --no-auth-warning config get dir | tail -n 1 > {0}.new && mv {0}.new {0}; exec sleep 600",
        file.display()
    );
    let child =
        Program(servers(&["sh", "-c", &script]).process_group(0).stdout(Stdio::null()).spawn().unwrap());
    until("the start", STARTED, || file.exists());
    let redis = std::fs::read_to_string(file).unwrap();
    let data = Path::new(redis.trim()).parent().unwrap().display().to_string();
    assert!(processes_with(&data).len() >= 3, "{:?}", processes_with(&data));
    (child, data)
}

fn nothing_is_left(data: &str) {
    until("the end of all servers", Duration::from_secs(20), || processes_with(data).is_empty());
    until("the removal of the data", Duration::from_secs(20), || !Path::new(data).exists());
}

fn signal(child: &Program, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.0.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_command_finds_every_server_and_its_exit_code_is_ours() {
    let script = "psql -X -A -t -c 'select 40+2' $TEST_POSTGRES_URL && \
                  redis-cli -u $TEST_REDIS_URL --no-auth-warning ping && \
                  curl -sf $TEST_RABBITMQ_MANAGEMENT_URL/api/whoami && echo && \
                  echo $TEST_AMQP_URL $TEST_MONGODB_URL; exit 7";
    let (output, text) = run(&["sh", "-c", script]);
    assert_eq!(output.status.code(), Some(7), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["42", "PONG"], "{text}");
    assert!(lines[2].contains("administrator"), "{text}");
    assert!(lines[3].starts_with("amqp://admin:") && lines[3].contains(" mongodb://127.0.0.1:"), "{text}");
}

#[test]
fn sigterm_ends_the_command_and_the_servers() {
    let place = tempfile::tempdir().unwrap();
    let (mut child, data) = started(place.path());
    signal(&child, "-TERM");
    assert_eq!(child.0.wait().unwrap().code(), Some(143));
    nothing_is_left(&data);
}

#[test]
fn servers_do_not_outlive_a_program_that_was_killed() {
    let place = tempfile::tempdir().unwrap();
    let (mut child, data) = started(place.path());
    signal(&child, "-KILL");
    child.0.wait().unwrap();
    nothing_is_left(&data);
}

#[test]
fn servers_that_are_up_stay_until_they_are_taken_down() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data").display().to_string();
    let local = |task: &str| Command::new(PROGRAM).args(["servers", task, "--data", &data]).output().unwrap();
    let up = local("up");
    let said = String::from_utf8_lossy(&up.stderr).into_owned();
    assert!(up.status.success() && said.contains("export TEST_POSTGRES_URL='postgres://"), "{said}");
    let again = local("up");
    assert_eq!(String::from_utf8_lossy(&again.stderr), said, "a second `up` finds the same servers");
    assert!(local("down").status.success());
    until("the end of all servers", Duration::from_secs(20), || processes_with(&data).is_empty());
    assert!(String::from_utf8_lossy(&local("down").stderr).contains("no servers are up"));
}

#[test]
fn a_taken_port_is_named_with_its_listener() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let output = Command::new(PROGRAM)
        .args(["servers", &format!("--redis-port={port}"), "--", "true"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains(&format!("port {port} for redis is taken by ")), "{said}");
    assert!(said.contains(&format!("(pid {})", std::process::id())), "{said}");
}

#[test]
fn a_command_that_does_not_exist_is_an_error_and_leaves_nothing() {
    let output = servers(&["no-such-command"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("start no-such-command"), "{said}");
}
