//! When the caller speaks. One interface, [`Vad`]: 20 ms frames in, edges out.
//!
//! ```text
//!  active   = p ≥ activation, or speaking and p > deactivation            (hysteresis)
//!  active:    speech += 20 ms, silence = 0;  speech ≥ min_speech  → Started { speech }
//!  inactive:  silence += 20 ms, speech = 0;  silence ≥ min_silence → Ended { silence }
//! ```
//!
//! A single inactive frame resets `speech`, so `min_speech` means consecutive activity. The caller stopped
//! speaking `silence_ms` before [`VadEdge::Ended`], not at it.

mod edges;

pub use edges::{Edges, VadEdge};

use earshot::Detector;

use crate::{FRAME_MS, Frame};

/// Samples earshot wants at a time: 16 ms.
const EARSHOT_SAMPLES: usize = 256;

/// How to hear. Defaults are those for the telephone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VadConfig {
    /// Score at which speech begins, 0 to 1.
    pub activation: f32,
    /// Score above which speech goes on, 0 to `activation`.
    pub deactivation: f32,
    /// Consecutive speech that counts, in milliseconds.
    pub min_speech_ms: u32,
    /// Consecutive silence that ends speech, in milliseconds.
    pub min_silence_ms: u32,
}

impl Default for VadConfig {
    fn default() -> Self {
        Self { activation: 0.5, deactivation: 0.35, min_speech_ms: 50, min_silence_ms: 250 }
    }
}

/// What a detector knows right now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VadReading {
    /// Probability of speech in the last frame, 0 to 1.
    pub probability: f32,
    /// Whether the caller is held to be speaking.
    pub speaking: bool,
    /// Consecutive speech up to now in milliseconds.
    pub speech_ms: u32,
    /// Consecutive silence up to now in milliseconds.
    pub silence_ms: u32,
}

/// The ear of one call.
pub struct Vad {
    edges: Edges,
    earshot: Box<Detector>,
    waiting: Vec<i16>,
    probability: f32,
}

impl std::fmt::Debug for Vad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vad").field("edges", &self.edges).finish_non_exhaustive()
    }
}

impl Vad {
    /// A detector for one call.
    #[must_use]
    pub fn new(config: VadConfig) -> Self {
        let (earshot, waiting) = (Detector::default_boxed(), Vec::with_capacity(2 * EARSHOT_SAMPLES));
        Self { edges: Edges::new(config), earshot, waiting, probability: 0.0 }
    }

    /// Hears the next 20 ms.
    pub fn hear(&mut self, frame: &Frame) -> Option<VadEdge> {
        self.waiting.extend_from_slice(frame);
        while self.waiting.len() >= EARSHOT_SAMPLES {
            self.probability = self.earshot.predict_i16(&self.waiting[..EARSHOT_SAMPLES]);
            self.waiting.drain(..EARSHOT_SAMPLES);
        }
        self.edges.step(self.probability, FRAME_MS)
    }

    /// What it knows right now.
    #[must_use]
    pub fn reading(&self) -> VadReading {
        VadReading {
            probability: self.probability,
            speaking: self.edges.speaking(),
            speech_ms: self.edges.speech_ms(),
            silence_ms: self.edges.silence_ms(),
        }
    }
}
