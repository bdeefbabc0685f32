//! What was asked of the simulator, for tests to look at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::Service;

/// Requests and violations kept; older ones are forgotten.
const KEPT: usize = 200;

/// Counts since the start or the last reset, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Counters>);

/// What `GET /counters` answers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counters {
    /// Per service.
    pub services: BTreeMap<Service, Counts>,
    /// Rules of a vendor that a client broke, newest last.
    pub violations: VecDeque<Violation>,
    /// Requests as they came, without keys, newest last.
    pub requests: VecDeque<Request>,
}

/// Numbers of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections and requests.
    pub requests: u64,
    /// Of those, refused with an HTTP error.
    pub refused: u64,
    /// Open now.
    pub open: u64,
    /// Answers delivered to the end: chat replies, spoken contexts, utterances transcribed.
    pub completed: u64,
    /// Answers the client cancelled while they were being made.
    pub cancelled: u64,
    /// Faults that struck.
    pub faults: u64,
    /// Keep-alive messages.
    pub keep_alives: u64,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where.
    pub service: Service,
    /// Which.
    pub rule: String,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// Where.
    pub service: Service,
    /// Query parameters or body.
    pub content: Value,
}

impl Ledger {
    pub(crate) fn read(&self) -> Counters {
        self.lock().clone()
    }

    pub(crate) fn reset(&self) {
        let mut counters = self.lock();
        let open = counters
            .services
            .iter()
            .map(|(service, counts)| (*service, Counts { open: counts.open, ..Counts::default() }));
        *counters = Counters { services: open.collect(), ..Counters::default() };
    }

    pub(crate) fn count(&self, service: Service, change: impl FnOnce(&mut Counts)) {
        change(self.lock().services.entry(service).or_default());
    }

    pub(crate) fn request(&self, service: Service, content: Value) {
        keep(&mut self.lock().requests, Request { service, content });
    }

    pub(crate) fn violation(&self, service: Service, rule: impl Into<String>) {
        let violation = Violation { service, rule: rule.into() };
        tracing::warn!(?violation, "client broke a rule");
        keep(&mut self.lock().violations, violation);
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}
