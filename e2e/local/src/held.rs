//! Servers that stay until they are told to go: `servers up`, `hold` and `down`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::HeldArgs;
use crate::guard::Guard;
use crate::process::tail;
use crate::record::{self, Record};
use crate::servers::{Durability, Plan, Servers, random_password};
use crate::term::say;
use crate::user;

/// A data directory that is ours alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes and locks the directory. `what` names its owner in the error.
    ///
    /// # Errors
    /// When another process has it.
    pub(crate) fn lock(path: &Path, what: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))?;
        let path = path.canonicalize()?;
        let lock = File::options().create(true).append(true).open(path.join("lock"))?;
        if let Err(e) = lock.try_lock() {
            match e {
                fs::TryLockError::WouldBlock => bail!("{what} runs already with {}", path.display()),
                fs::TryLockError::Error(e) => return Err(e).context("lock the data directory"),
            }
        }
        Ok(Self { path, _lock: lock })
    }

    /// Ends what an earlier owner left, and starts the guard for this one.
    pub(crate) fn guard(&self) -> anyhow::Result<Guard> {
        let (record, left) = Record::begin(&self.path).context("end what an earlier run left")?;
        if left > 0 {
            say(&format!("ended {left} processes that an earlier run left"));
        }
        Guard::start(Some(record)).context("start the guard")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The administrator's password of this directory's servers: made once, then kept with their data.
    pub(crate) fn password(&self) -> anyhow::Result<String> {
        let file = self.path.join("password");
        if let Ok(password) = fs::read_to_string(&file)
            && !password.is_empty()
        {
            return Ok(password);
        }
        let password = random_password();
        user::write_private(&file, &password).context("write the password")?;
        Ok(password)
    }
}

/// Starts ourselves again in the background and waits until the servers answer.
pub(crate) fn up(args: &HeldArgs) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&args.data).with_context(|| format!("make {}", args.data.display()))?;
    let env = args.data.join("env");
    if holder(&args.data).is_none() {
        let _ = fs::remove_file(&env);
        let log = args.data.join("hold.log");
        let out = File::create(&log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["servers", "hold", "--data"])
            .arg(&args.data)
            .args(args.what.arguments())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()?;
        while !env.exists() {
            if let Some(status) = child.try_wait()? {
                bail!("the servers did not start ({status})\n{}", tail(&log, 40));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    say(&fs::read_to_string(&env)?);
    say(&format!("source {}", env.display()));
    Ok(ExitCode::SUCCESS)
}

/// Holds the servers until SIGTERM or SIGINT.
pub(crate) async fn hold(args: HeldArgs) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let dir = DataDir::lock(&args.data, "`servers up`")?;
    let me = rustix::process::getpid();
    let guard = dir.guard()?;
    // After the guard ended what was left: the file tells `down` whom to ask.
    let holder = dir.path().join("holder");
    fs::write(&holder, format!("{} {}", me.as_raw_nonzero(), record::started(me).unwrap_or_default()))?;
    let plan = Plan {
        data: dir.path().to_owned(),
        durability: Durability::Throwaway,
        ports: args.what.ports(),
        password: dir.password()?,
        kubernetes: args.what.kubernetes,
    };
    let servers = Servers::start(&plan, &guard).await?;
    let exports: String = servers.env().map(|(key, value)| format!("export {key}='{value}'\n")).collect();
    let env = dir.path().join("env");
    let new = dir.path().join("env.new");
    user::write_private(&new, &exports)?;
    // Whoever sees the file sees all of it.
    fs::rename(&new, &env)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    servers.stop().await;
    fs::remove_file(&env)?;
    fs::remove_file(&holder)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells the holder to end, and waits until it did.
pub(crate) fn down(data: &Path) -> anyhow::Result<ExitCode> {
    let Some(pid) = holder(data) else {
        // Killed holders leave servers only when their guard was killed too.
        if data.is_dir() {
            Record::begin(data).context("end what an earlier run left")?;
        }
        say("no servers are up");
        return Ok(ExitCode::SUCCESS);
    };
    kill_process(pid, Signal::TERM).context("tell the servers to end")?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while holder(data).is_some() {
        if Instant::now() > deadline {
            bail!("the servers (process {}) did not end within 30 s", pid.as_raw_nonzero());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(ExitCode::SUCCESS)
}

/// The process that holds the servers of this directory, when it still runs.
fn holder(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("holder")).ok()?;
    let (pid, time) = text.split_once(' ')?;
    let pid = Pid::from_raw(pid.parse().ok()?)?;
    (record::started(pid)? == time.parse::<u64>().ok()?).then_some(pid)
}
