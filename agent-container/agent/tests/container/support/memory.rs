//! A table in memory.

use std::sync::Mutex;

use agent::call::records::{Asked, Bundle, Records};
use domain::{AgentId, Callback, E164, EndReason, Event, NumberConfig, Report, Write};
use tokio::sync::watch;

/// One agent, and every fact told.
#[derive(Debug)]
pub(crate) struct Memory {
    bundle: Bundle,
    reports: Mutex<Vec<(String, Report)>>,
    callbacks: Mutex<Vec<Callback>>,
    changed: watch::Sender<usize>,
}

/// An agent of this name panics while it is loaded.
pub(crate) const PANICKING_AGENT: &str = "panics";

impl Memory {
    pub(crate) fn new(bundle: Bundle) -> Self {
        Self {
            bundle,
            reports: Mutex::default(),
            callbacks: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    /// What the agents told of a call so far.
    pub(crate) fn reports(&self, call: &str) -> Vec<Report> {
        let reports = self.reports.lock().expect("no panic");
        reports.iter().filter(|(of, _)| of == call).map(|(_, report)| report.clone()).collect()
    }

    /// Callbacks promised so far, repetitions included.
    pub(crate) fn callbacks(&self) -> Vec<Callback> {
        self.callbacks.lock().expect("no panic").clone()
    }

    /// Waits until the agent told why the call ended.
    pub(crate) async fn ended(&self, call: &str) -> EndReason {
        let mut changed = self.changed.subscribe();
        loop {
            let reasons = self.reports(call).into_iter().filter_map(|report| match report {
                Report::Ended { reason } => Some(reason),
                _ => None,
            });
            if let [reason] = reasons.collect::<Vec<_>>()[..] {
                return reason;
            }
            changed.changed().await.expect("the table stays");
        }
    }
}

impl Records for Memory {
    fn bundle<'a>(&'a self, agent: &'a AgentId) -> Asked<'a, Option<Bundle>> {
        assert_ne!(agent.as_str(), PANICKING_AGENT, "as the test wants it");
        let known = *agent == self.bundle.agent.id;
        Box::pin(async move { Ok(known.then(|| self.bundle.clone())) })
    }

    fn agents(&self) -> Asked<'_, Vec<AgentId>> {
        Box::pin(async { Ok(vec![self.bundle.agent.id.clone()]) })
    }

    fn number<'a>(&'a self, _number: &'a E164) -> Asked<'a, Option<NumberConfig>> {
        Box::pin(async { Ok(None) })
    }

    fn write(&self, writes: Vec<Write>) -> Asked<'_, ()> {
        for write in writes {
            if let Write::ScheduleCallback(callback) = &write {
                self.callbacks.lock().expect("no panic").push(callback.clone());
            }
            if let Write::AddFact { call, fact } = write
                && let Event::Agent(told) = fact.event
            {
                self.reports.lock().expect("no panic").push((call.to_string(), told.report));
            }
        }
        self.changed.send_modify(|count| *count += 1);
        Box::pin(async { Ok(()) })
    }
}
