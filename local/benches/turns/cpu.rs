//! CPU time of a process and everything it started.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// Units of the times in `/proc/PID/stat` (proc(5)): 10 ms, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often a meter looks.
const EVERY: Duration = Duration::from_millis(200);

/// One process of `/proc`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    pid: u32,
    parent: u32,
    /// Its own time and that of its children that have ended, in seconds.
    seconds: f64,
}

/// CPU time so far of `pid` and of all processes below it, those that have ended included; 0 when it is gone.
pub(crate) fn seconds(pid: u32) -> f64 {
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0.0 };
    let numbered = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let entries = numbered.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        entry(pid, &stat)
    });
    tree_seconds(&entries.collect::<Vec<_>>(), pid)
}

/// CPU time so far of `pid` alone.
pub(crate) fn own_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let times = stat.rsplit(')').next().map(|fields| fields.split_whitespace().skip(11).take(2));
    let ticks: f64 = times.into_iter().flatten().filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// A line of `/proc/PID/stat`. The name in parentheses may hold anything, so fields count from behind it.
fn entry(pid: u32, stat: &str) -> Option<Entry> {
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: f64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    Some(Entry { pid, parent: fields.get(1)?.parse().ok()?, seconds: ticks / TICKS_PER_SECOND })
}

fn tree_seconds(entries: &[Entry], root: u32) -> f64 {
    let own: f64 = entries.iter().filter(|entry| entry.pid == root).map(|entry| entry.seconds).sum();
    let children = entries.iter().filter(|entry| entry.parent == root && entry.pid != root);
    own + children.map(|child| tree_seconds(entries, child.pid)).sum::<f64>()
}

/// Watches a process until it is read.
#[derive(Debug)]
pub(crate) struct Meter {
    watching: JoinHandle<()>,
    seen: std::sync::Arc<std::sync::Mutex<Vec<(Instant, f64)>>>,
}

impl Meter {
    /// Begins to watch `pid` and what it starts.
    pub(crate) fn start(pid: u32) -> Self {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let notes = seen.clone();
        let watching = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                let look = (Instant::now(), seconds(pid));
                notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(look);
            }
        });
        Self { watching, seen }
    }

    /// CPU time used from one moment to another, in seconds.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> f64 {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        at(&seen, to) - at(&seen, from)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// The reading at `moment`, between two looks by proportion.
fn at(seen: &[(Instant, f64)], moment: Instant) -> f64 {
    let next = seen.partition_point(|(at, _)| *at < moment);
    match (next.checked_sub(1).and_then(|before| seen.get(before)), seen.get(next)) {
        (Some(&(t0, v0)), Some(&(t1, v1))) => {
            let share = (moment - t0).as_secs_f64() / (t1 - t0).as_secs_f64().max(1e-9);
            v0 + (v1 - v0) * share
        }
        (Some(&(_, value)), None) | (None, Some(&(_, value))) => value,
        (None, None) => 0.0,
    }
}
