//! Signs of life in the table: the newest wins, written one after the other, never in anybody's way.

use std::sync::Arc;
use std::time::Duration;

use domain::{Heartbeat, Write};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;

use crate::call::records::Records;

/// One write, at most.
const WRITE_WITHIN: Duration = Duration::from_secs(3);

/// The container's signs of life.
#[derive(Debug)]
pub struct Heartbeats {
    beats: watch::Sender<Option<Heartbeat>>,
    task: JoinHandle<()>,
    records: Arc<dyn Records>,
}

impl Heartbeats {
    /// Nothing is written yet.
    #[must_use]
    pub fn start(records: Arc<dyn Records>) -> Self {
        let (beats, newest) = watch::channel(None);
        let task = tokio::spawn(write_all(Arc::clone(&records), newest));
        Self { beats, task, records }
    }

    /// Tells this, in place of whatever is not yet written.
    pub fn tell(&self, beat: Heartbeat) {
        self.beats.send_replace(Some(beat));
    }

    /// Says goodbye, after the last sign of life.
    pub async fn stop(self) {
        let last = self.beats.borrow().clone();
        drop(self.beats);
        if self.task.await.is_err() {
            warn!("heartbeat task failed");
        }
        if let Some(beat) = last {
            write(self.records.as_ref(), Write::RemoveHeartbeat { worker: beat.worker }).await;
        }
    }
}

async fn write_all(records: Arc<dyn Records>, mut newest: watch::Receiver<Option<Heartbeat>>) {
    while newest.changed().await.is_ok() {
        let beat = newest.borrow_and_update().clone();
        if let Some(beat) = beat {
            write(records.as_ref(), Write::PutHeartbeat(beat)).await;
        }
    }
}

async fn write(records: &dyn Records, write: Write) {
    match timeout(WRITE_WITHIN, records.write(vec![write])).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "heartbeat not written"),
        Err(_) => warn!("heartbeat not written in time"),
    }
}
