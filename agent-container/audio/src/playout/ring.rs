use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{COMMAND_BOUND, EVENT_BOUND, PIECE_BOUND, PlayoutEvent, Position, SpeechId};

/// A stretch of a speech, in order.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) speech: SpeechId,
    pub(super) samples: Vec<i16>,
    /// Whether the speech begins with it.
    pub(super) first: bool,
    /// Whether the speech ends with it.
    pub(super) last: bool,
}

/// What the call loop wants at once, ahead of the audio that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// `known`: pieces of the speech were put into the ring. If none of them is left, it is finished.
    Flush {
        speech: SpeechId,
        known: bool,
    },
    Pause(SpeechId),
    Resume(SpeechId),
}

/// Figures the media thread writes and the call loop reads.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Samples taken out of the ring for good, played or flushed.
    taken: AtomicU64,
    /// Speech and samples played, in one word so that they belong together. 0: nothing played yet.
    position: AtomicU64,
}

impl Shared {
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    pub(super) fn add_taken(&self, samples: usize) {
        self.taken.fetch_add(samples as u64, Ordering::Release);
    }

    pub(super) fn position(&self) -> Option<Position> {
        let word = self.position.load(Ordering::Acquire);
        let [speech, samples] = [word >> 32, word & u64::from(u32::MAX)].map(|half| half as u32);
        (word != 0).then_some(Position { speech: SpeechId(speech), samples })
    }

    pub(super) fn set_position(&self, at: Position) {
        self.position.store(u64::from(at.speech.0) << 32 | u64::from(at.samples), Ordering::Release);
    }
}

/// The call loop's end.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) shared: Arc<Shared>,
    pub(super) pieces: rtrb::Producer<Piece>,
    pub(super) commands: rtrb::Producer<Command>,
    pub(super) events: rtrb::Consumer<PlayoutEvent>,
}

/// The media thread's end.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) shared: Arc<Shared>,
    pub(super) pieces: rtrb::Consumer<Piece>,
    pub(super) commands: rtrb::Consumer<Command>,
    pub(super) events: rtrb::Producer<PlayoutEvent>,
}

pub(super) fn pair() -> (Fill, Drain) {
    let shared = Arc::new(Shared::default());
    let (piece_tx, piece_rx) = rtrb::RingBuffer::new(PIECE_BOUND);
    let (command_tx, command_rx) = rtrb::RingBuffer::new(COMMAND_BOUND);
    let (event_tx, event_rx) = rtrb::RingBuffer::new(EVENT_BOUND);
    let fill = Fill { shared: Arc::clone(&shared), pieces: piece_tx, commands: command_tx, events: event_rx };
    (fill, Drain { shared, pieces: piece_rx, commands: command_rx, events: event_tx })
}
