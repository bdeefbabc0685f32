use std::collections::VecDeque;

use super::ring::{Command, Fill, Piece};
use super::{MAX_QUEUED_MS, PlayoutEvent, Position, SpeechId};
use crate::{FRAME_SAMPLES, PIPELINE_HZ};

const MAX_QUEUED_SAMPLES: u64 = MAX_QUEUED_MS as u64 * PIPELINE_HZ as u64 / 1000;
/// Speeches that are over and still remembered, so that late audio of theirs is refused.
const CLOSED_BOUND: usize = 64;

/// The call loop's end: puts speech in, and reads what became of it.
#[derive(Debug)]
pub struct PlayoutFeed {
    ring: Fill,
    /// The speech that is being appended to, and what of it makes no whole frame yet.
    open: Option<Open>,
    /// Pieces for which the ring had no room.
    pending: VecDeque<Piece>,
    /// Speeches that take no audio any more, oldest first.
    closed: VecDeque<SpeechId>,
    /// Commands for which the ring had no room.
    waiting: VecDeque<Command>,
    put: u64,
}

#[derive(Debug)]
struct Open {
    speech: SpeechId,
    tail: Vec<i16>,
    known: bool,
}

impl PlayoutFeed {
    pub(super) fn new(ring: Fill) -> Self {
        let (closed, waiting) = (VecDeque::new(), VecDeque::new());
        Self { ring, open: None, pending: VecDeque::new(), closed, waiting, put: 0 }
    }

    /// Appends samples of any number to a speech and returns how many were taken: all, or fewer when two
    /// minutes wait already, or none when the speech was finished or flushed. The first append of another
    /// speech finishes the one before.
    pub fn append(&mut self, speech: SpeechId, samples: &[i16]) -> usize {
        if !self.open(speech) {
            return 0;
        }
        let room = usize::try_from(MAX_QUEUED_SAMPLES.saturating_sub(self.queued())).unwrap_or(usize::MAX);
        let taken = samples.len().min(room);
        if let Some(open) = &mut self.open {
            open.tail.extend_from_slice(&samples[..taken]);
        }
        self.put_tail(false);
        self.settle();
        taken
    }

    /// Says that a speech has no more audio. Its end is played even if it fills no frame.
    pub fn finish(&mut self, speech: SpeechId) {
        if self.open(speech) {
            self.put_tail(true);
            self.settle();
        }
    }

    /// Drops a speech, or what is left of it, with a fade of 5 ms at the next frame.
    /// [`PlayoutEvent::Flushed`] tells where it was cut (0 when it was never heard, or not even begun);
    /// a speech that was finished already gives no second event. Other speeches stay.
    ///
    /// Returns the position known now: at most one frame before the cut.
    pub fn flush(&mut self, speech: SpeechId) -> Position {
        self.settle();
        let open = self.open.take_if(|open| open.speech == speech);
        let closed = self.closed.contains(&speech);
        let begun = open.as_ref().map_or(closed, |open| open.known);
        // What begins in the feed was never in the ring.
        let known = begun && !self.drop_pending(speech);
        if !closed {
            self.close(speech);
        }
        self.command(Command::Flush { speech, known });
        self.position().filter(|at| at.speech == speech).unwrap_or(Position { speech, samples: 0 })
    }

    /// Holds a speech where it is; before its first audio, it does not begin. What is queued behind waits too.
    pub fn pause(&mut self, speech: SpeechId) {
        self.command(Command::Pause(speech));
    }

    /// Goes on with a paused speech, at the sample where it was held.
    pub fn resume(&mut self, speech: SpeechId) {
        self.command(Command::Resume(speech));
    }

    /// The speech that is being played, or was last, and how much of it; `None` before the first.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.ring.shared.position()
    }

    /// Speech that waits to be played, in milliseconds.
    #[must_use]
    pub fn queued_ms(&self) -> u64 {
        self.queued() * 1000 / u64::from(PIPELINE_HZ)
    }

    /// The next event, in order. Read until there is none whenever `wake` was called.
    pub fn poll_event(&mut self) -> Option<PlayoutEvent> {
        self.settle();
        self.ring.events.pop().ok()
    }

    fn queued(&self) -> u64 {
        let tail = self.open.as_ref().map_or(0, |open| open.tail.len() as u64);
        (self.put + tail).saturating_sub(self.ring.shared.taken())
    }

    /// Makes `speech` the open one; `false` when it is closed.
    fn open(&mut self, speech: SpeechId) -> bool {
        if self.closed.contains(&speech) {
            return false;
        }
        if self.open.as_ref().is_some_and(|open| open.speech != speech) {
            self.put_tail(true);
        }
        self.open.get_or_insert_with(|| Open { speech, tail: Vec::new(), known: false });
        true
    }

    /// Drops what has not reached the ring; `true` when that is the speech from its begin.
    fn drop_pending(&mut self, speech: SpeechId) -> bool {
        let mut begins = false;
        self.pending.retain(|piece| {
            if piece.speech == speech {
                begins |= piece.first;
                self.put -= piece.samples.len() as u64;
            }
            piece.speech != speech
        });
        begins
    }

    fn close(&mut self, speech: SpeechId) {
        if self.closed.len() == CLOSED_BOUND {
            self.closed.pop_front();
        }
        self.closed.push_back(speech);
    }

    fn command(&mut self, command: Command) {
        self.waiting.push_back(command);
        self.settle();
    }

    /// Makes a piece of what was appended, when it fills a frame or ends its speech.
    fn put_tail(&mut self, last: bool) {
        let Some(open) = &mut self.open else { return };
        if !last && open.tail.len() < FRAME_SAMPLES {
            return;
        }
        let first = !std::mem::replace(&mut open.known, true);
        let (speech, mut samples) = (open.speech, std::mem::take(&mut open.tail));
        self.put += samples.len() as u64;
        match self.pending.back_mut().filter(|piece| piece.speech == speech) {
            Some(piece) => {
                piece.samples.append(&mut samples);
                piece.last = last;
            }
            None => self.pending.push_back(Piece { speech, samples, first, last }),
        }
        if last {
            self.open = None;
            self.close(speech);
        }
    }

    /// Moves what waits here into the rings, as far as there is room; pieces before commands, so that a
    /// flush finds its speech.
    fn settle(&mut self) {
        while !self.ring.pieces.is_full()
            && let Some(piece) = self.pending.pop_front()
        {
            // There is room: only this end fills the ring.
            let _ = self.ring.pieces.push(piece);
        }
        while let Some(&command) = self.waiting.front()
            && self.ring.commands.push(command).is_ok()
        {
            self.waiting.pop_front();
        }
    }
}
