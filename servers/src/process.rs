//! A child process with its log, which dies with its parent.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::tools::in_path;

/// How often a starting process is asked whether it is ready, and a stopping one whether it is gone.
const POLL: Duration = Duration::from_millis(10);

/// Lines of a log that an error quotes.
const TAIL_LINES: usize = 15;

/// Bytes read from the end of a log to find those lines.
const TAIL_BYTES: u64 = 8 * 1024;

/// A running program of ours or somebody else's. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `command` with standard output and error in `log`. It gets SIGKILL when this process dies.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn spawn(name: &str, command: &Command, log: &Path) -> Result<Self> {
        let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = bound_to_parent(command);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let child = spawn_on_lasting_thread(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), log: log.to_path_buf(), child })
    }

    /// The name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// When the process ends first or `within` passes: says which, with the end of its log.
    pub async fn until_ready(&mut self, within: Duration, ready: impl AsyncFn() -> bool) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            if ready().await {
                return Ok(());
            }
            if let Some(status) = self.exited() {
                bail!("{} ended at its start ({status}); {}", self.name, self.quoted_tail());
            }
            if Instant::now() >= deadline {
                bail!("{} is not up after {} s; {}", self.name, within.as_secs(), self.quoted_tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks the process to end with SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks the process to end with SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Asks the process to end and waits; kills it when it has not within `grace`.
    pub async fn stop(mut self, grace: Duration) {
        self.terminate();
        let deadline = Instant::now() + grace;
        while self.exited().is_none() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        // An error means that it is gone already, which is what was wanted.
        let _ = kill_process(pid, signal);
    }

    fn quoted_tail(&self) -> String {
        format!("the end of {}:\n{}", self.log.display(), tail(&self.log))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log, for an error message.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = last_bytes(log).unwrap_or_else(|error| format!("(cannot be read: {error})").into_bytes());
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn last_bytes(log: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// The same command under `setpriv --pdeathsig`, which only sets the signal and then becomes the program: same process id.
pub(crate) fn bound_to_parent(command: &Command) -> Command {
    let mut bound = match in_path("setpriv") {
        Some(setpriv) => {
            let mut bound = Command::new(setpriv);
            bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
            bound
        }
        None => Command::new(command.get_program()),
    };
    bound.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        bound.current_dir(dir);
    }
    bound
}

type Order = (Command, SyncSender<io::Result<Child>>);

/// Linux sends the death signal when the *thread* that started the child ends, so one thread that lasts as long as the process
/// starts them all: a test's or a runtime's thread would take the servers with it.
pub(crate) fn spawn_on_lasting_thread(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Whoever asked waits for the answer; if it is gone, the child is dropped with the message.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, result) = sync_channel(1);
    starter.send((command, answer)).map_err(io::Error::other)?;
    result.recv().map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_program_that_ends_at_its_start_is_named_with_the_end_of_its_log() {
        let log = std::env::temp_dir().join(format!("servers-process-{}.log", std::process::id()));
        let mut process = Process::spawn("server x", &shell("echo port in use; exit 3"), &log).unwrap();
        let error =
            process.until_ready(Duration::from_secs(10), async || false).await.unwrap_err().to_string();
        assert!(error.starts_with("server x ended at its start (exit status: 3)"), "{error}");
        assert!(error.ends_with("port in use"), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_program_is_gone() {
        let log = std::env::temp_dir().join(format!("servers-dropped-{}.log", std::process::id()));
        let process = Process::spawn("sleeper", &shell("exec sleep 1000"), &log).unwrap();
        let status = format!("/proc/{}", process.pid());
        assert!(Path::new(&status).exists());
        drop(process);
        assert!(!Path::new(&status).exists());
    }
}
