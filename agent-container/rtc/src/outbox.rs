//! What the call loop has not taken yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use line::LineEvent;
use tokio::sync::mpsc;

use crate::stats::CallStats;

/// Events that may wait before the news of the media thread wait too, and data messages are dropped
/// (and counted). Other events are control facts: never dropped, and few.
const BOUND: usize = 256;
/// How long the last events of a line wait to be taken.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Line events in order, so that a slow call loop never holds up the room's task: waiting for each
/// other in turn, neither would go on.
pub(crate) struct Outbox {
    events: mpsc::Sender<LineEvent>,
    waiting: VecDeque<LineEvent>,
    stats: Arc<CallStats>,
}

impl Outbox {
    pub(crate) fn new(events: mpsc::Sender<LineEvent>, stats: Arc<CallStats>) -> Self {
        Self { events, waiting: VecDeque::new(), stats }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < BOUND
    }

    /// A control fact.
    pub(crate) fn push(&mut self, event: LineEvent) {
        self.waiting.push_back(event);
    }

    /// Something that may be dropped.
    pub(crate) fn push_data(&mut self, event: LineEvent) {
        if self.has_room() {
            self.waiting.push_back(event);
        } else {
            self.stats.data_dropped.fetch_add(1, Relaxed);
        }
    }

    /// Hands on the next event. Cancel safe. A call loop that is gone takes everything.
    pub(crate) async fn flush(&mut self) {
        match self.events.reserve().await {
            Ok(permit) => {
                if let Some(event) = self.waiting.pop_front() {
                    permit.send(event);
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }

    /// Hands on everything, the last event included.
    pub(crate) async fn finish(mut self, last: LineEvent) {
        self.push(last);
        let all = async {
            while !self.is_empty() {
                self.flush().await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            tracing::error!("the call loop did not take the last events of its line");
        }
    }
}
