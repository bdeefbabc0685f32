//! The ring of speech towards the caller.
//!
//! [`pair`] gives two ends: the [`PlayoutFeed`] belongs to the call loop, the [`Playout`] to the media
//! thread. Between them are bounded single-producer rings and two atomics; no lock, and neither end ever
//! waits for the other.
//!
//! * **Order**: speeches are played in the order of their first [`PlayoutFeed::append`], each sample once.
//! * **Position**: how much of a speech was played, in samples, exact; events carry the final figure.
//! * **Flush, pause and resume** name a speech, overtake the audio that waits, and take effect at the next
//!   frame; the last 5 ms before, and the first 5 ms after, are faded so that nothing clicks.
//! * **Overflow**: `append` takes what fits ([`MAX_QUEUED_MS`]) and says how much it took. What was taken is
//!   never dropped but by a flush: a speech may lack its end, never its middle.
//! * **Nothing is lost** of commands and events: commands wait in the feed while their ring is full; while
//!   the ring of events is full, nothing further is played.

mod drain;
mod feed;
mod ring;

#[cfg(test)]
mod tests;

pub use drain::Playout;
pub use feed::PlayoutFeed;

use crate::PIPELINE_HZ;

/// Most speech that may wait to be played, in milliseconds: two minutes, longer than any reply.
pub const MAX_QUEUED_MS: u32 = 120_000;
/// Events that may wait to be read.
pub const EVENT_BOUND: usize = 64;
/// Pieces of speech between the two ends; the media thread empties the ring every 20 ms.
const PIECE_BOUND: usize = 512;
/// Commands between the two ends.
const COMMAND_BOUND: usize = 32;
/// Length of the fade at a flush, a pause and a resume: 5 ms.
const FADE_SAMPLES: usize = (PIPELINE_HZ as usize) / 200;

/// A speech: everything the agent says in one go. The call loop numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeechId(pub u32);

/// How much of a speech was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which one.
    pub speech: SpeechId,
    /// Its samples that were played, at the pipeline's rate (74 hours fit).
    pub samples: u32,
}

impl Position {
    /// In whole milliseconds, rounded down.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::from(self.samples) * 1000 / u64::from(PIPELINE_HZ)
    }
}

/// What happened to a speech. For each one: `Started` and perhaps `Audible`, then exactly one of
/// `Finished` and `Flushed`; or `Flushed` at 0 alone when it was never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayoutEvent {
    /// Its first frame was taken by the media thread.
    Started(SpeechId),
    /// Its first sample above the noise of a telephone line was played: here the caller hears it.
    Audible(Position),
    /// It was played to its end.
    Finished(Position),
    /// It was cut off by a flush here.
    Flushed(Position),
}

/// The two ends of a call's playout. `wake` is called by the media thread whenever there are events to
/// read; it must return at once (`tokio::sync::Notify::notify_one` does).
#[must_use]
pub fn pair(wake: impl Fn() + Send + 'static) -> (PlayoutFeed, Playout) {
    let (fill, drain) = ring::pair();
    (PlayoutFeed::new(fill), Playout::new(drain, Box::new(wake)))
}
