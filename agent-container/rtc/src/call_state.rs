//! What outlives the sessions of a call.

use std::collections::{BTreeMap, VecDeque};

use line::LineCommand;
use tokio::sync::mpsc;

use crate::caller::CallerWatch;
use crate::ending::Ending;
use crate::inbox::Sequences;
use crate::media::MediaCall;
use crate::options::{HangUp, RoomOptions};
use crate::outbox::Outbox;

/// What outlives a session.
pub(crate) struct CallState {
    pub(crate) call: MediaCall,
    pub(crate) commands: mpsc::Receiver<LineCommand>,
    pub(crate) outbox: Outbox,
    pub(crate) watch: CallerWatch,
    pub(crate) token: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) hang_up: Option<HangUp>,
    /// Room of the last established session; a room of the same name made anew has another sid.
    pub(crate) room_sid: Option<String>,
    /// Number of the current session.
    pub(crate) session: u32,
    /// Numbers the caller's tracks, across sessions.
    pub(crate) stream: u32,
    /// Sessions established so far, this one included.
    pub(crate) established: u32,
    /// Commands that came while there was no session.
    pub(crate) deferred: VecDeque<LineCommand>,
    pub(crate) ending: Ending,
    pub(crate) sequences: Sequences,
    /// Whether [`line::LineEvent::Published`] was told.
    pub(crate) published: bool,
    /// Whether something unreadable was told of.
    pub(crate) complained: bool,
}

impl CallState {
    /// Before the first session.
    pub(crate) fn new(
        call: MediaCall,
        commands: mpsc::Receiver<LineCommand>,
        outbox: Outbox,
        options: RoomOptions,
    ) -> Self {
        Self {
            call,
            commands,
            outbox,
            watch: CallerWatch::new(options.caller),
            token: options.token,
            attributes: BTreeMap::new(),
            hang_up: options.hang_up,
            room_sid: None,
            session: 0,
            stream: 0,
            established: 0,
            deferred: VecDeque::new(),
            ending: Ending::Not,
            sequences: Sequences::new(),
            published: false,
            complained: false,
        }
    }

    /// Says once a call that the other side sends what cannot be read; the call goes on without it.
    pub(crate) fn complain(&mut self, reason: &str) {
        if std::mem::replace(&mut self.complained, true) {
            tracing::debug!(%reason, "unreadable again, ignored");
        } else {
            tracing::warn!(%reason, "unreadable, ignored; further ones at debug level");
        }
    }
}
