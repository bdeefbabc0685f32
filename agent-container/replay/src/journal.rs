//! Journals: read, replay, find the first difference, ask what other settings would have changed.

use std::fmt;

use dialogue::{Config, Dialogue, Input, JOURNAL_VERSION, JournalLine, Message, Output};

use crate::settings;
use crate::timeline::{Event, Timeline};

/// Where a replay differs from the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Index of the journal's line, from 1.
    pub line: usize,
    /// What the journal has.
    pub journal: Option<Output>,
    /// What the dialogue does now.
    pub now: Option<Output>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |o: &Option<Output>| {
            o.as_ref().map_or("nothing".to_owned(), |o| serde_json::to_string(o).unwrap_or_default())
        };
        write!(f, "line {}\n  journal: {}\n  now:     {}", self.line, json(&self.journal), json(&self.now))
    }
}

/// Reads a journal.
///
/// # Errors
///
/// The first line that is none. A last line cut off in the middle (the process died) is left out.
pub fn parse(text: &str) -> Result<Vec<JournalLine>, String> {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let mut journal = Vec::with_capacity(lines.len());
    for (i, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(line) => journal.push(line),
            Err(_) if i + 1 == lines.len() && !text.ends_with('\n') => break,
            Err(e) => return Err(format!("line {}: {e}", i + 1)),
        }
    }
    config(&journal)?;
    Ok(journal)
}

/// What the journal's dialogue was made from.
///
/// # Errors
///
/// No header, or one of another version.
pub fn config(journal: &[JournalLine]) -> Result<Config, String> {
    match journal.first() {
        Some(JournalLine::Header(h)) if h.version == JOURNAL_VERSION => Ok(h.config.clone()),
        Some(JournalLine::Header(h)) => {
            Err(format!("journal of version {}, this reads version {JOURNAL_VERSION}", h.version))
        }
        _ => Err("the first line is no header".to_owned()),
    }
}

/// Feeds the journal's inputs to a new dialogue and compares every output.
///
/// # Errors
///
/// The first difference.
pub fn replay(journal: &[JournalLine]) -> Result<(), Box<Difference>> {
    let differs = |line: usize, journal: Option<&Output>, now: Option<Output>| {
        Err(Box::new(Difference { line, journal: journal.cloned(), now }))
    };
    let Ok(config) = config(journal) else { return differs(1, None, None) };
    let Ok(mut dialogue) = Dialogue::new(config) else { return differs(1, None, None) };
    for (i, line) in journal.iter().enumerate().skip(1) {
        match line {
            JournalLine::Header(_) => return differs(i + 1, None, None),
            JournalLine::Out { output, .. } => {
                let now = dialogue.poll();
                if !now.as_ref().is_some_and(|n| same(n, output)) {
                    return differs(i + 1, Some(output), now);
                }
            }
            JournalLine::In { at, input } => {
                // A driver may take the first outputs (the greeting) together with those of its first input.
                if let Some(extra) = (i > 1).then(|| dialogue.poll()).flatten() {
                    return differs(i + 1, None, Some(extra));
                }
                dialogue.handle(*at, input.clone());
            }
        }
    }
    // A journal without an end was cut off: what followed its last line is not known.
    let whole = matches!(journal.last(), Some(JournalLine::Out { output: Output::Leave(_), .. }));
    match dialogue.poll().filter(|_| whole) {
        Some(extra) => differs(journal.len() + 1, None, Some(extra)),
        None => Ok(()),
    }
}

/// Equal as the journal stores them: a number may lose its last bit in text.
fn same(a: &Output, b: &Output) -> bool {
    a == b || serde_json::to_value(a).ok() == serde_json::to_value(b).ok()
}

/// The timeline of a journal.
#[must_use]
pub fn timeline(journal: &[JournalLine], explained: bool) -> Vec<Event> {
    let mut timeline = Timeline::new(explained);
    journal.iter().for_each(|line| timeline.line(line));
    timeline.events
}

/// A turn's end under two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnChange {
    /// The n-th user item, from 1.
    pub turn: usize,
    /// Time (ms) and words of the item before.
    pub before: Option<(u64, String)>,
    /// The same with the other setting.
    pub after: Option<(u64, String)>,
}

/// Which turns end differently with other settings (`path=value` each). The inputs stay as they were, so
/// what vendors would have answered to other requests is not simulated; the caller's turns are exact up to
/// the first one that changes.
///
/// # Errors
///
/// A setting that makes no sense.
pub fn what_if(journal: &[JournalLine], changes: &[(String, String)]) -> Result<Vec<TurnChange>, String> {
    let mut other = config(journal)?;
    for (path, value) in changes {
        other = settings::with(&other, path, value)?;
    }
    let before = user_items(journal, config(journal)?)?;
    let after = user_items(journal, other)?;
    let turns = before.len().max(after.len());
    let change =
        |i: usize| TurnChange { turn: i + 1, before: before.get(i).cloned(), after: after.get(i).cloned() };
    Ok((0..turns).map(change).filter(|c| c.before != c.after).collect())
}

/// Runs the inputs; timers come when they are due.
fn user_items(journal: &[JournalLine], config: Config) -> Result<Vec<(u64, String)>, String> {
    let mut dialogue = Dialogue::new(config).map_err(|e| e.to_string())?;
    for line in journal {
        if let JournalLine::In { at, input } = line {
            while let Some((due, _)) = dialogue.deadline().filter(|(due, _)| due < at) {
                dialogue.handle(due, Input::Wake);
            }
            dialogue.handle(*at, input.clone());
            while dialogue.poll().is_some() {}
        }
    }
    let items = dialogue.history().iter().filter_map(|item| match &item.message {
        Message::User { text } => Some((item.at.as_ms(), text.clone())),
        _ => None,
    });
    Ok(items.collect())
}
