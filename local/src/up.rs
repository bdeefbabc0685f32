//! `up` and `down`: the stack in the foreground, or behind a supervisor of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use servers::tail;
use tokio::signal::unix::{SignalKind, signal};

use crate::layout::Layout;
use crate::report::Report;
use crate::stack::{Stack, StackOptions};
use crate::stack_file::StackFile;

/// How long a detached stack may take to come up.
const DETACH_LIMIT: Duration = Duration::from_secs(180);

/// How long a stack may take to stop: the agent says goodbye to its calls first.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How often a file or process is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// Runs the stack until Ctrl-C, SIGTERM or the death of a part.
///
/// # Errors
/// When one runs already, or a part does not come up or dies.
pub async fn up(options: StackOptions) -> Result<()> {
    let file = options.layout.stack_file();
    if let Some(running) = StackFile::of_running(&file)? {
        bail!("the stack is up already ({}); stop it with `cargo xtask down`", running.base_url);
    }
    let report = Report::new();
    let started = Instant::now();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stack = tokio::select! {
        stack = Stack::start(options, report) => stack?,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    };
    stack.file().write(&file)?;
    table(report, &stack, started.elapsed());
    let broken = tokio::select! {
        broken = stack.until_broken() => Some(broken),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    report.line("stopping …");
    stack.stop().await;
    // Somebody may have removed it already.
    let _ = std::fs::remove_file(&file);
    match broken {
        Some(broken) => bail!("{broken}"),
        None => Ok(()),
    }
}

fn table(report: Report, stack: &Stack, took: Duration) {
    report.line(&format!("\n  up in {:.1} s\n", took.as_secs_f64()));
    for (part, place) in stack.status() {
        report.line(&format!("  {part:<10} {place}"));
    }
    report.line("\n  Ctrl-C, or `cargo xtask down` elsewhere, stops all of it.\n");
}

/// Starts a supervisor process that outlives this one, and waits until its stack is up.
///
/// # Errors
/// When it does not come up, with the end of its log.
pub async fn detach(layout: &Layout, arguments: &[String]) -> Result<StackFile> {
    if let Some(running) = StackFile::of_running(&layout.stack_file())? {
        return Ok(running);
    }
    layout.create()?;
    let log = layout.logs().join("stack.log");
    let out = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    // A session of its own: Ctrl-C in this terminal and its end do not reach it.
    let mut supervisor = Command::new("setsid")
        .arg(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
        .context("cannot start the supervisor (`setsid`, of util-linux)")?;
    let report = Report::new();
    let deadline = Instant::now() + DETACH_LIMIT;
    let mut shown = 0;
    loop {
        shown = show_new_lines(report, &log, shown);
        if let Some(file) = StackFile::of_running(&layout.stack_file())? {
            return Ok(file);
        }
        if supervisor.try_wait()?.is_some() {
            bail!("the stack did not come up:\n{}", tail(&log));
        }
        if Instant::now() >= deadline {
            bail!(
                "the stack is not up after {} s; {}:\n{}",
                DETACH_LIMIT.as_secs(),
                log.display(),
                tail(&log)
            );
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Repeats the supervisor's steps as they come.
fn show_new_lines(report: Report, log: &Path, shown: usize) -> usize {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('✓')).collect();
    for line in lines.iter().skip(shown) {
        report.line(line);
    }
    lines.len().max(shown)
}

/// Stops a stack that was left running.
///
/// # Errors
/// When it does not stop.
pub async fn down(layout: &Layout) -> Result<bool> {
    let path = layout.stack_file();
    let Some(file) = StackFile::of_running(&path)? else {
        // What a killed supervisor left behind.
        let _ = std::fs::remove_file(&path);
        return Ok(false);
    };
    file.terminate();
    let deadline = Instant::now() + STOP_LIMIT;
    while StackFile::of_running(&path)?.is_some() {
        if Instant::now() >= deadline {
            bail!("the stack does not stop; its supervisor is process {:?}", file.pids.get("supervisor"));
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(true)
}
