//! When the caller speaks. One interface, [`Vad`]: 20 ms frames in, edges out.
//!
//! ```text
//!  active   = p ≥ activation, or speaking and p > deactivation            (hysteresis)
//!  active:    speech += 20 ms, silence = 0;  speech ≥ min_speech  → Started { speech }
//!  inactive:  silence += 20 ms, speech = 0;  silence ≥ min_silence → Ended { silence }
//! ```
//!
//! The network calls a window of 32 ms speech when a word ends in it, and often the next one too. Silence therefore counts from where
//! the level fell to that of the line, by up to 64 ms, where that was earlier (`hush.rs`).
//!
//! A single inactive window resets `speech`, so `min_speech` means consecutive activity. The caller stopped
//! speaking `silence_ms` before [`VadEdge::Ended`], not at it.
//!
//! Who gives the probability is [`VadConfig::ear`]. [`Ear::Noise`] holds in a street and in a pub: the Silero
//! network (50 µs for 32 ms, 1.6 ms a call-second, less in silence), its opinion of the last 128 ms weighed with
//! their level above the line's noise floor and with what it thinks of that noise. [`Ear::Quick`] is earshot alone (0.8 ms a
//! call-second), which takes a pub for a speaker. Asking earshot first and Silero second would cost more than
//! Silero alone and hear no better. `cargo xtask bench vad` measures all three.

mod edges;
mod floor;
mod hush;
mod noise_ear;
mod noise_weights;
mod silero;

#[cfg(test)]
mod tests;

pub use edges::{Edges, VadEdge};
pub use noise_ear::{NOISE_FEATURES, NoiseEar};
pub use silero::{SILERO_SAMPLES, Silero};

use earshot::Detector;
use hush::Hush;

use crate::{Frame, PIPELINE_HZ};

/// Samples earshot wants at a time: 16 ms.
pub const EARSHOT_SAMPLES: usize = 256;
const SAMPLES_PER_MS: usize = (PIPELINE_HZ / 1000) as usize;

/// Who judges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ear {
    /// Holds on the telephone, in noise.
    #[default]
    Noise,
    /// Half the cost, for lines known to be quiet.
    Quick,
}

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
    /// Who judges.
    pub ear: Ear,
}

impl Default for VadConfig {
    fn default() -> Self {
        Self {
            activation: 0.5,
            deactivation: 0.35,
            min_speech_ms: 50,
            min_silence_ms: 250,
            ear: Ear::default(),
        }
    }
}

/// What a detector knows right now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VadReading {
    /// Probability of speech in the last window, 0 to 1.
    pub probability: f32,
    /// Whether the caller is held to be speaking.
    pub speaking: bool,
    /// Consecutive speech up to now in milliseconds.
    pub speech_ms: u32,
    /// Consecutive silence up to now in milliseconds.
    pub silence_ms: u32,
}

/// The ear of one call.
#[derive(Debug)]
pub struct Vad {
    edges: Edges,
    judge: Judge,
    hush: Hush,
    waiting: Vec<i16>,
    probability: f32,
}

enum Judge {
    Noise(Box<NoiseEar>),
    Quick(Box<Detector>),
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Noise(_) => "Noise",
            Self::Quick(_) => "Quick",
        })
    }
}

impl Vad {
    /// A detector for one call.
    #[must_use]
    pub fn new(config: VadConfig) -> Self {
        let judge = match config.ear {
            Ear::Noise => Judge::Noise(Box::default()),
            Ear::Quick => Judge::Quick(Detector::default_boxed()),
        };
        let waiting = Vec::with_capacity(2 * SILERO_SAMPLES);
        Self { edges: Edges::new(config), judge, hush: Hush::default(), waiting, probability: 0.0 }
    }

    /// Hears the next 20 ms. At most one edge a frame: a second one follows with the next frame.
    pub fn hear(&mut self, frame: &Frame) -> Option<VadEdge> {
        self.waiting.extend_from_slice(frame);
        while let Some(ms) = self.judge_window() {
            if let Some(edge) = self.edges.step(self.probability, ms) {
                return Some(self.hush.correct(edge).later(self.waiting_ms()));
            }
        }
        None
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

    /// Judges the next window if it is whole; its length in milliseconds.
    fn judge_window(&mut self) -> Option<u32> {
        let samples = match &mut self.judge {
            Judge::Noise(ear) => {
                let window = self.waiting.first_chunk::<SILERO_SAMPLES>()?;
                self.probability = ear.predict(window, self.edges.speaking());
                self.hush.hear(window, ear.floor_dbfs());
                SILERO_SAMPLES
            }
            Judge::Quick(detector) => {
                let window = self.waiting.first_chunk::<EARSHOT_SAMPLES>()?;
                self.probability = detector.predict_i16(window);
                EARSHOT_SAMPLES
            }
        };
        self.waiting.drain(..samples);
        u32::try_from(samples / SAMPLES_PER_MS).ok()
    }

    /// Heard and not judged yet, in milliseconds.
    fn waiting_ms(&self) -> u32 {
        u32::try_from(self.waiting.len() / SAMPLES_PER_MS).unwrap_or(0)
    }
}
