//! Running other programs, and saying so.

use std::ffi::OsStr;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

/// Lines of a failed program's output that are shown.
const TAIL_LINES: usize = 40;

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A path under `target/`.
pub(crate) fn target(path: &str) -> PathBuf {
    root().join("target").join(path)
}

/// One line for a person.
pub(crate) fn say(text: &str) {
    // Nobody to tell when standard error is closed.
    let _ = writeln!(stderr(), "{text}");
}

/// A program of `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// A command in the checkout.
pub(crate) fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: I,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs `command` under a spinner named `what`; its output is shown only when it fails.
pub(crate) fn quietly(what: &str, command: &mut Command) -> Result<()> {
    let started = Instant::now();
    let spinner = spinner(what);
    let output = command.output().with_context(|| format!("cannot start {}", program(command)));
    spinner.finish_and_clear();
    let output = output?;
    if output.status.success() {
        done(what, started.elapsed());
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    say(&lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"));
    bail!("{what} failed ({}): {}", output.status, line(command))
}

/// Runs `command` with its output shown.
pub(crate) fn openly(what: &str, command: &mut Command) -> Result<()> {
    say(&format!("▸ {what}"));
    let started = Instant::now();
    let status = status(command)?;
    if !status.success() {
        bail!("{what} failed ({status}): {}", line(command));
    }
    done(what, started.elapsed());
    Ok(())
}

/// Runs `command` with everything of ours, and ends as it ended.
pub(crate) fn hand_over(command: &mut Command) -> Result<ExitCode> {
    let status = status(command.stdin(Stdio::inherit()))?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", program(command)))
}

pub(crate) fn done(what: &str, took: Duration) {
    say(&format!("✓ {what} ({:.1} s)", took.as_secs_f64()));
}

fn spinner(what: &str) -> ProgressBar {
    if !stderr().is_terminal() {
        say(&format!("▸ {what}"));
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(80));
    spinner
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    format!("{} {}", program(command), arguments.join(" "))
}
