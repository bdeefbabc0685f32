//! The end of a call: its spans, its record, its line, in the order the ending asks for.

use std::time::{Duration, SystemTime};

use domain::{EndReason, Report};
use line::{LineCommand, LineEnd, LineEvent};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use super::call::{Call, millis};
use super::ending::{Ending, Goodbye};

/// How long a line may take to end when it is told to.
const HANG_UP_WITHIN: Duration = Duration::from_secs(5);

impl Call {
    /// Tells everybody that the call is over.
    pub(super) async fn finish(mut self, ending: Ending) {
        if let Some(trace) = self.observer.trace.take() {
            trace.finish(SystemTime::now(), ending.reason.map_or("duplicate", EndReason::as_str));
        }
        if let Some(reason) = ending.reason {
            info!(
                call_id = %self.call_id.masked(),
                end_reason = %reason,
                took_ms = millis(self.started.elapsed()),
                turns = self.observer.turns(),
                "call ended"
            );
            self.reports.tell(Report::Summary { json: self.observer.summary() });
            self.reports.tell(Report::Ended { reason });
        }
        if ending.goodbye == Goodbye::RecordThenHangUp {
            self.reports.finish().await;
            return hang_up(&mut self.events, &self.commands, LineCommand::HangUp, self.ended).await;
        }
        let command = if ending.goodbye == Goodbye::Leave { LineCommand::Leave } else { LineCommand::HangUp };
        let ended = if ending.goodbye == Goodbye::None { Some(LineEnd::WeLeft) } else { self.ended };
        hang_up(&mut self.events, &self.commands, command, ended).await;
        self.reports.finish().await;
    }
}

/// Ends the line and waits until it has.
async fn hang_up(
    events: &mut mpsc::Receiver<LineEvent>,
    commands: &mpsc::Sender<LineCommand>,
    command: LineCommand,
    ended: Option<LineEnd>,
) {
    if ended.is_some() {
        return;
    }
    let waiting = async {
        if commands.send(command).await.is_err() {
            return;
        }
        while let Some(event) = events.recv().await {
            if matches!(event, LineEvent::Ended(_)) {
                return;
            }
        }
    };
    if timeout(HANG_UP_WITHIN, waiting).await.is_err() {
        warn!("the line did not end in time");
    }
}
