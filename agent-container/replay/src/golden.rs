//! Compares a run with a timeline recorded from livekit-agents, and the differences with the list of
//! deliberate ones.

use std::collections::BTreeMap;
use std::fmt;

use crate::expect::TICK_MS;
use crate::timeline::Event;

/// A line that is in one timeline only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Number of the recorded timeline.
    pub number: u32,
    /// Theirs or ours.
    pub side: Side,
    /// Milliseconds; 0 for the history line.
    pub at_ms: u64,
    /// The event.
    pub text: String,
}

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// In the recorded timeline only.
    Theirs,
    /// In our timeline only.
    Ours,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.side == Side::Theirs { '-' } else { '+' };
        write!(f, "G{:02} {side} {}.{:03} {}", self.number, self.at_ms / 1000, self.at_ms % 1000, self.text)
    }
}

/// The recorded timelines by number: events and history line.
#[must_use]
pub fn parse(text: &str) -> BTreeMap<u32, (Vec<(u64, String)>, String)> {
    let mut all = BTreeMap::new();
    let mut number = 0;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            number = title.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            all.insert(number, (Vec::new(), String::new()));
        } else if let (Some((events, history)), false) = (all.get_mut(&number), line.trim().is_empty()) {
            match line.strip_prefix("history: ") {
                Some(rest) => rest.clone_into(history),
                None => events.extend(event(line)),
            }
        }
    }
    all
}

fn event(line: &str) -> Option<(u64, String)> {
    let (time, text) = line.trim().split_once("  ")?;
    let ms = crate::words::seconds(time.trim_start_matches('-')).ok()?;
    Some((ms, text.trim().to_owned()))
}

/// Lines without a partner within one tick; heard words may differ by one.
#[must_use]
pub fn compare(
    number: u32,
    theirs: &(Vec<(u64, String)>, String),
    ours: &[Event],
    history: &str,
) -> Vec<Difference> {
    let mut left: Vec<(u64, String)> =
        ours.iter().filter(|e| e.golden).map(|e| (e.at.as_ms(), e.text.clone())).collect();
    let mut differences = Vec::new();
    for (at_ms, text) in &theirs.0 {
        let partner = left.iter().position(|(at, t)| at.abs_diff(*at_ms) <= TICK_MS && same(text, t));
        match partner {
            Some(i) => {
                left.remove(i);
            }
            None => {
                differences.push(Difference { number, side: Side::Theirs, at_ms: *at_ms, text: text.clone() })
            }
        }
    }
    differences.extend(left.into_iter().map(|(at_ms, text)| Difference {
        number,
        side: Side::Ours,
        at_ms,
        text,
    }));
    if !same_history(&theirs.1, history) {
        let line = |side, text: &str| Difference { number, side, at_ms: 0, text: format!("history: {text}") };
        differences.push(line(Side::Theirs, &theirs.1));
        differences.push(line(Side::Ours, history));
    }
    differences
}

fn same(theirs: &str, ours: &str) -> bool {
    match (theirs.strip_prefix("item:assistant(int):"), ours.strip_prefix("item:assistant(int):")) {
        (Some(a), Some(b)) => same_heard(a, b),
        _ => match (position(theirs), position(ours)) {
            (Some((a, x)), Some((b, y))) => a.abs_diff(b) * 10 <= TICK_MS && x == y,
            _ => theirs == ours,
        },
    }
}

/// Position in hundredths of a second, and whether it was interrupted.
fn position(text: &str) -> Option<(u64, &str)> {
    let (position, int) = text.strip_prefix("playout_done pos=")?.split_once(' ')?;
    Some((crate::words::seconds(position).ok()? / 10, int))
}

/// One is the beginning of the other, and they differ by at most one word.
fn same_heard(a: &str, b: &str) -> bool {
    let words = |s: &str| s.split_whitespace().count();
    (a.starts_with(b) || b.starts_with(a)) && words(a).abs_diff(words(b)) <= 1
}

fn same_history(theirs: &str, ours: &str) -> bool {
    let (theirs, ours): (Vec<_>, Vec<_>) = (theirs.split(" | ").collect(), ours.split(" | ").collect());
    theirs.len() == ours.len()
        && theirs.iter().zip(&ours).all(|(a, b)| {
            match (a.strip_prefix("assistant*="), b.strip_prefix("assistant*=")) {
                (Some(a), Some(b)) => same_heard(a, b),
                _ => a == b,
            }
        })
}

/// Reads the list of deliberate differences: lines as [`Difference`] prints them, under `[name] reason`.
#[must_use]
pub fn deliberate(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|l| l.starts_with('G'));
    lines.map(str::to_owned).collect()
}
