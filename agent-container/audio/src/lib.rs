//! What happens to a call's samples: pure, no clock, no threads, no sockets. Samples in, samples out.
//!
//! ```text
//!  RTP packet ─▶ Inbound (Reorder ▶ OpusDecoder, concealment) ─▶ 20 ms frames ─▶ Vad ─▶ edges
//!  µ-law      ─▶ mulaw::decode ─▶ Resampler 8→16 kHz ─▶ Framer ─▶ 20 ms frames
//!  speech PCM ─▶ Resampler 24→16 kHz ─▶ PlayoutFeed ══ring══▶ Playout ─▶ 20 ms frames ─▶ OpusEncoder | µ-law
//! ```
//!
//! Everything between the codecs is mono `i16` at [`line::PIPELINE_HZ`] in frames of 20 ms
//! ([`line::Frame`]). Time is counted in samples or in calls to `tick`; whoever owns the clock calls.
//!
//! * [`Inbound`]: packets of one track in any order → frames in order, gaps concealed.
//! * [`playout::pair`]: the ring of speech towards the caller, with exact positions, flush and pause.
//! * [`Vad`]: when the caller starts and stops speaking, also in a noisy street.
//! * [`LeadTrim`]: no silence before synthesised speech.
//! * [`Resampler`], [`mulaw`], [`OpusEncoder`], [`OpusDecoder`]: rates and codecs.
//! * [`analysis`]: pitch, level, silence and speech segments of a recording, for tests and reports.

pub mod analysis;
mod decoder;
mod encoder;
mod framer;
mod inbound;
mod lead;
pub mod mulaw;
pub mod playout;
mod reorder;
mod resampler;
pub mod vad;

pub use decoder::OpusDecoder;
pub use encoder::OpusEncoder;
pub use framer::Framer;
pub use inbound::{Inbound, InboundStats};
pub use lead::LeadTrim;
pub use line::{FRAME_MS, FRAME_SAMPLES, Frame, PIPELINE_HZ, Source};
pub use playout::{Playout, PlayoutEvent, PlayoutFeed, Position, SpeechId};
pub use reorder::{Arrival, InOrder, Packet, Reorder};
pub use resampler::Resampler;
pub use vad::{Ear, Vad, VadConfig, VadEdge, VadReading};

/// A codec or resampler that refused: our fault (a wrong rate, no memory) unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The codec could not be made, or failed for a reason that is not the packet's.
    #[error("opus {0}: {1}")]
    Codec(&'static str, String),
    /// A packet that is not Opus: the sender's fault. Conceal it and go on.
    #[error("malformed opus packet of {0} bytes")]
    Malformed(usize),
    /// A sample rate that cannot be resampled.
    #[error("cannot resample from {from_hz} Hz to {to_hz} Hz")]
    Rate {
        /// Rate of the input in Hz.
        from_hz: u32,
        /// Rate of the output in Hz.
        to_hz: u32,
    },
    /// A model file that is not what it should be.
    #[error("model: {0}")]
    Model(String),
}
