//! Runs scripts and checks what they expect.

use std::fmt::Write as _;
use std::path::Path;

use crate::expect::Expectation;
use crate::model;
use crate::script::Script;
use crate::timeline::{Event, Timeline, history_line};
use crate::world::{self, Recording};

/// A script that was run.
#[derive(Debug)]
pub struct Report {
    /// The script's title.
    pub title: String,
    /// What happened.
    pub events: Vec<Event>,
    /// The history in one line.
    pub history: String,
    /// What is wrong; empty when all is well.
    pub failures: Vec<String>,
    /// Everything the call left behind.
    pub recording: Recording,
}

/// Runs all variants of a script file.
///
/// # Errors
///
/// A text for people: the file cannot be read, or a line not understood.
pub fn run_file(path: &Path, explained: bool) -> Result<Vec<Report>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let scripts = Script::parse_all(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    scripts.iter().map(|s| run(s, explained)).collect()
}

/// Runs one script.
///
/// # Errors
///
/// The configuration makes no sense.
pub fn run(script: &Script, explained: bool) -> Result<Report, String> {
    let recording = world::run(script).map_err(|e| e.to_string())?;
    let mut timeline = Timeline::new(explained);
    recording.journal.iter().for_each(|line| timeline.line(line));
    let history = history_line(&recording.history);
    let mut failures: Vec<String> = script
        .expectations
        .iter()
        .filter_map(|e: &Expectation| e.check(&timeline.events, &history))
        .collect();
    failures.extend(model::check(script, &recording));
    Ok(Report { title: script.title.clone(), events: timeline.events, history, failures, recording })
}

impl Report {
    /// The timeline, the history and what is wrong, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("### {}\n", self.title);
        for event in &self.events {
            let _ = writeln!(out, "{event}");
        }
        let _ = writeln!(out, "history: {}", self.history);
        for failure in &self.failures {
            let _ = writeln!(out, "FAILED: {failure}");
        }
        out
    }
}
