//! Whether the system can take a call. Pure.

use domain::Heartbeat;
use serde_json::{Value, json};

/// What is known.
#[derive(Debug)]
pub(crate) struct Known {
    /// Places taken; nothing when the table does not say.
    pub(crate) active_calls: Option<u32>,
    /// Containers that live; nothing when the table does not say.
    pub(crate) workers: Option<Vec<Heartbeat>>,
    /// Calls at once by configuration.
    pub(crate) max_calls: u32,
}

/// What is told.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Judges. 503 only when no call can be taken at all, so that a prober may act on the status alone.
pub(crate) fn judge(known: &Known) -> Verdict {
    let problems = problems(known);
    let status = if known.active_calls.is_none() || known.workers.is_none() { 503 } else { 200 };
    let word = if problems.is_empty() { "ok" } else { "degraded" };
    let workers = known.workers.as_deref().unwrap_or_default();
    let mut body = json!({
        "status": word,
        "active_calls": known.active_calls,
        "agents": workers.len(),
        "capacity": capacity(known),
    });
    if !problems.is_empty() {
        body["problems"] = json!(problems);
    }
    Verdict { status, body }
}

fn capacity(known: &Known) -> u32 {
    let workers = known.workers.as_deref().unwrap_or_default();
    let places = workers.iter().fold(0_u32, |sum, worker| sum.saturating_add(worker.capacity));
    places.min(known.max_calls)
}

fn problems(known: &Known) -> Vec<&'static str> {
    match (known.active_calls, known.workers.as_deref()) {
        (None, _) | (_, None) => vec!["the table does not answer"],
        (_, Some([])) => vec!["no agent container gives a sign of life"],
        (Some(_), Some(_)) if capacity(known) == 0 => vec!["every agent container is draining"],
        (Some(active), Some(_)) if active >= capacity(known) => vec!["every place is taken"],
        _ => Vec::new(),
    }
}
