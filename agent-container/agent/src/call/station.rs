//! The call's ear and mouth on the media thread: 20 ms at a time, no lock, no wait.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use audio::{Playout, PlayoutFeed, Vad, VadConfig, VadEdge, playout};
use line::{Bell, Frame, Source, Station};
use tokio::sync::{Notify, mpsc};

use crate::drivers::recogniser::FRAME_BOUND;

/// Edges that may wait for the call loop: some seconds of the most nervous speech. Newer ones are dropped and
/// counted; a loop that leaves so many unread is stuck anyway.
const EDGE_BOUND: usize = 64;

/// Frames that go to the recogniser together, 80 ms as Deepgram Flux wants them, while nothing happens: to wake it for each would
/// cost more than what it does with them.
const BUNDLE: usize = 4;

/// Tells the road that there is something to say.
#[derive(Default)]
pub struct Sound {
    /// Notified whenever there is more of it.
    pub more: Notify,
    bell: OnceLock<Bell>,
}

impl Sound {
    /// A speech begins.
    pub fn begins(&self) {
        if let Some(bell) = self.bell.get() {
            bell();
        }
    }
}

impl fmt::Debug for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sound").finish_non_exhaustive()
    }
}

/// The media thread's end.
#[derive(Debug)]
pub struct CallStation {
    vad: Vad,
    retuned: mpsc::Receiver<Tuning>,
    copy: Option<mpsc::Sender<Frame>>,
    edges: mpsc::Sender<VadEdge>,
    frames: mpsc::Sender<Frame>,
    bundle: Vec<Frame>,
    playout: Playout,
    sound: Arc<Sound>,
    dropped: Arc<AtomicU64>,
}

/// How an agent hears.
#[derive(Debug)]
pub struct Tuning {
    /// When a caller counts as speaking.
    pub vad: VadConfig,
    /// Who gets the caller's audio beside the recogniser.
    pub copy: Option<mpsc::Sender<Frame>>,
}

/// The call loop's end.
#[derive(Debug)]
pub struct StationEnd {
    /// Speech begins and ends.
    pub edges: mpsc::Receiver<VadEdge>,
    /// The caller's audio, for the recogniser.
    pub frames: mpsc::Receiver<Frame>,
    /// Speech towards the caller.
    pub feed: PlayoutFeed,
    /// Rung when the ring has events.
    pub bell: Arc<Notify>,
    /// To be told of what there is to say: roads with a clock of their own need not wait for its next tick.
    pub sound: Arc<Sound>,
    /// How to hear, once the agent's configuration is known.
    pub retune: mpsc::Sender<Tuning>,
    /// Speeches that were cut off: what a road has buffered of them is to be forgotten.
    pub cuts: Arc<AtomicU64>,
    /// Frames and edges nobody took.
    pub dropped: Arc<AtomicU64>,
}

/// The two ends of a call's audio.
#[must_use]
pub fn pair() -> (CallStation, StationEnd) {
    let (edge_tx, edges) = mpsc::channel(EDGE_BOUND);
    let (frame_tx, frames) = mpsc::channel(FRAME_BOUND);
    let (retune, retuned) = mpsc::channel(1);
    let bell = Arc::new(Notify::new());
    let ring = Arc::clone(&bell);
    let (feed, playout) = playout::pair(move || ring.notify_one());
    let dropped = Arc::new(AtomicU64::new(0));
    let sound = Arc::<Sound>::default();
    let vad = Vad::new(VadConfig::default());
    let station = CallStation {
        vad,
        retuned,
        copy: None,
        edges: edge_tx,
        frames: frame_tx,
        bundle: Vec::with_capacity(BUNDLE),
        playout,
        sound: Arc::clone(&sound),
        dropped: Arc::clone(&dropped),
    };
    let cuts = Arc::new(AtomicU64::new(0));
    (station, StationEnd { edges, frames, feed, bell, sound, retune, cuts, dropped })
}

impl Station for CallStation {
    fn hear(&mut self, frame: &Frame, _source: Source) {
        if let Ok(tuning) = self.retuned.try_recv() {
            self.vad = Vad::new(tuning.vad);
            self.copy = tuning.copy;
        }
        if let Some(copy) = &self.copy
            && copy.try_send(*frame).is_err()
        {
            self.dropped.fetch_add(1, Relaxed);
        }
        let edge = self.vad.hear(frame);
        self.bundle.push(*frame);
        // What an edge makes the dialogue ask the recogniser is about all audio up to it.
        if self.bundle.len() >= BUNDLE || edge.is_some() {
            for frame in self.bundle.drain(..) {
                if self.frames.try_send(frame).is_err() {
                    self.dropped.fetch_add(1, Relaxed);
                }
            }
        }
        if let Some(edge) = edge
            && self.edges.try_send(edge).is_err()
        {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    fn speak(&mut self, frame: &mut Frame) -> bool {
        self.playout.next_frame(frame)
    }

    fn take_bell(&mut self, bell: Bell) {
        // One station is on one road.
        let _ = self.sound.bell.set(bell);
    }
}
