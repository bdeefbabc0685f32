//! What we say: frames to packets.

use std::sync::Arc;

use audio::mulaw::{self, MULAW_FRAME_BYTES, MULAW_HZ, MULAW_SILENCE};
use audio::{AudioError, Frame, OpusEncoder, PIPELINE_HZ, Resampler};

use crate::options::Codec;

/// 40 µs a frame against 37 at 0, and audibly better (measured with libopus 1.6 at 16 kHz).
const OPUS_COMPLEXITY: u8 = 1;
/// Between container and server in one network there is no loss to insure against.
const OPUS_LOSS_PERCENT: u8 = 0;
/// Frames of silence after which the resampler has nothing of the speech left in it.
const TAIL_FRAMES: u32 = 2;

/// Encodes one call's frames.
#[derive(Debug)]
pub(crate) enum Mouth {
    Opus(Box<OpusEncoder>),
    Pcmu(Box<Pcmu>),
}

impl Mouth {
    pub(crate) fn new(codec: Codec) -> Result<Self, AudioError> {
        Ok(match codec {
            Codec::Opus => Self::Opus(Box::new(OpusEncoder::new(OPUS_COMPLEXITY, OPUS_LOSS_PERCENT)?)),
            Codec::Pcmu => Self::Pcmu(Box::new(Pcmu::new()?)),
        })
    }

    /// The packet of the next 20 ms; `None` is silence.
    pub(crate) fn encode(&mut self, frame: Option<&Frame>) -> Result<Arc<[u8]>, AudioError> {
        match self {
            Self::Opus(encoder) => encoder.encode(frame.unwrap_or(&[0; line::FRAME_SAMPLES])).map(Arc::from),
            Self::Pcmu(pcmu) => Ok(pcmu.encode(frame)),
        }
    }
}

/// µ-law at 8 kHz.
#[derive(Debug)]
pub(crate) struct Pcmu {
    resampler: Resampler,
    /// Samples at 8 kHz that wait for their packet.
    samples: Vec<i16>,
    bytes: Vec<u8>,
    silence: Arc<[u8]>,
    silent_frames: u32,
}

impl Pcmu {
    fn new() -> Result<Self, AudioError> {
        Ok(Self {
            resampler: Resampler::new(PIPELINE_HZ, MULAW_HZ)?,
            samples: Vec::with_capacity(2 * MULAW_FRAME_BYTES),
            bytes: Vec::with_capacity(MULAW_FRAME_BYTES),
            silence: [MULAW_SILENCE; MULAW_FRAME_BYTES].into(),
            silent_frames: TAIL_FRAMES,
        })
    }

    fn encode(&mut self, frame: Option<&Frame>) -> Arc<[u8]> {
        self.silent_frames = if frame.is_some() { 0 } else { self.silent_frames.saturating_add(1) };
        if self.silent_frames > TAIL_FRAMES {
            return self.silence.clone();
        }
        self.resampler.push(frame.unwrap_or(&[0; line::FRAME_SAMPLES]), &mut self.samples);
        // The resampler keeps back its delay once, at its start: that much silence leads in.
        let missing = MULAW_FRAME_BYTES.saturating_sub(self.samples.len());
        self.samples.splice(0..0, std::iter::repeat_n(0, missing));
        self.bytes.clear();
        mulaw::encode(&self.samples[..MULAW_FRAME_BYTES], &mut self.bytes);
        self.samples.drain(..MULAW_FRAME_BYTES);
        self.bytes.as_slice().into()
    }
}

#[cfg(test)]
mod tests {
    use audio::mulaw;

    use super::Mouth;
    use crate::options::Codec;

    #[test]
    fn pcmu_packets_are_always_20_ms_and_silence_comes_to_rest() {
        let mut mouth = Mouth::new(Codec::Pcmu).expect("a resampler");
        let loud = [8000; line::FRAME_SAMPLES];
        let frames = [None, Some(&loud), Some(&loud), Some(&loud), None, None, None, Some(&loud)];
        let packets: Vec<_> = frames.map(|frame| mouth.encode(frame).expect("a packet")).into();
        assert!(packets.iter().all(|packet| packet.len() == 160));
        let peak = |packet: &[u8]| {
            let mut samples = Vec::new();
            mulaw::decode(packet, &mut samples);
            samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0)
        };
        assert_eq!(peak(&packets[0]), 0);
        assert!(peak(&packets[2]) > 7000);
        assert_eq!(peak(&packets[6]), 0);
        assert!(peak(&packets[7]) > 7000);
    }
}
