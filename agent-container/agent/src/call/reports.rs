//! The agent's account of its call, written to the table in order, beside the call and never in its way.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{CallId, Fact, JobId, Report, WallTime, Write};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

use super::records::Records;

/// Reports that may wait: more than a call has.
const REPORT_BOUND: usize = 32;
/// One write.
const WRITE_WITHIN: Duration = Duration::from_secs(3);
/// Pauses between tries, in milliseconds.
const PAUSES_MS: [u64; 4] = [100, 500, 2000, 5000];
/// All that is left when the call is over; the sweeper closes what could not be told.
const FINISH_WITHIN: Duration = Duration::from_secs(15);

/// Now, on the wall clock.
#[must_use]
pub fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Writes reports of one call.
#[derive(Debug)]
pub struct Reports {
    job: JobId,
    facts: mpsc::Sender<Fact>,
    task: JoinHandle<()>,
}

impl Reports {
    /// Begins; nothing is written yet.
    #[must_use]
    pub fn start(records: Arc<dyn Records>, call: CallId, job: JobId) -> Self {
        let (facts, receiver) = mpsc::channel(REPORT_BOUND);
        let task = tokio::spawn(write_all(records, call, receiver));
        Self { job, facts, task }
    }

    /// Tells something. Told twice, it counts once.
    pub fn tell(&self, report: Report) {
        if self.facts.try_send(Fact::agent(wall_now(), self.job.clone(), report)).is_err() {
            error!(job = %self.job, "report lost: the table does not keep up");
        }
    }

    /// Waits until everything is written, or cannot be.
    pub async fn finish(self) {
        drop(self.facts);
        if timeout(FINISH_WITHIN, self.task).await.is_err() {
            error!(job = %self.job, "reports not written in time");
        }
    }
}

async fn write_all(records: Arc<dyn Records>, call: CallId, mut facts: mpsc::Receiver<Fact>) {
    while let Some(first) = facts.recv().await {
        let mut batch = vec![first];
        while let Ok(fact) = facts.try_recv() {
            batch.push(fact);
        }
        let write = |fact| Write::AddFact { call: call.clone(), fact };
        write_batch(records.as_ref(), batch.into_iter().map(write).collect()).await;
    }
}

async fn write_batch(records: &dyn Records, writes: Vec<Write>) {
    for pause_ms in PAUSES_MS {
        match timeout(WRITE_WITHIN, records.write(writes.clone())).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => warn!(%error, "report not written, trying again"),
            Err(_) => warn!("report not written in time, trying again"),
        }
        sleep(Duration::from_millis(pause_ms)).await;
    }
    error!(count = writes.len(), "reports given up");
}
