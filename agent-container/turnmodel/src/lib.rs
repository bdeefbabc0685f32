//! Has the caller finished? An answer from the sound of the voice, by the Smart Turn v3.2 network (pipecat-ai,
//! BSD-2-Clause, 8.7 MB, int8). Pure: samples in, a probability out; no clock, no file, no socket.
//!
//! ```text
//!  last 8 s, 16 kHz ─▶ LogMel (Whisper's features, 80 × 800) ─▶ network ─▶ P(turn complete)
//! ```
//!
//! * [`SmartTurn`]: features and network, evaluated by `rten` on one thread of its own.
//! * [`Budget`]: how much of a core all evaluations may take together; over it they are skipped.
//!
//! An evaluation costs more than all the media of a call in that second, and the network is a hint, not a judge:
//! `benches/turn_model.rs` measures both. The weights are no part of the repository: `cargo xtask` fetches them
//! from the PyPI wheel that ships them.

mod budget;
mod log_mel;
mod smart_turn;

pub use budget::{Admission, Budget};
pub use log_mel::{LogMel, MELS, STEPS};
pub use smart_turn::SmartTurn;

/// Sampling rate of what is judged, in Hz.
pub const RATE_HZ: u32 = 16_000;
/// The network hears as many samples: 8 s. Shorter is preceded by silence, of longer the end counts.
pub const WINDOW_SAMPLES: usize = 8 * RATE_HZ as usize;
/// What is heard before the turn's first sound belongs to it (pipecat `base_smart_turn.py`, `PRE_SPEECH_MS`).
pub const PRE_SPEECH_MS: u64 = 500;

/// The network cannot be used. Ours to mend: the wrong file, or a damaged one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnModelError {
    /// The file is not a network that can be read.
    #[error("end-of-turn model: {0}")]
    Load(String),
    /// The network read is another one, or failed.
    #[error("end-of-turn model: evaluation: {0}")]
    Run(String),
}
