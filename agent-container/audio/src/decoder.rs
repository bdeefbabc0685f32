use opus::{Channels, Decoder};

use crate::{AudioError, PIPELINE_HZ};

/// Longest Opus packet: 120 ms (RFC 6716, section 3.2.5).
const MAX_PACKET_SAMPLES: usize = (PIPELINE_HZ as usize) * 120 / 1000;
/// libopus conceals in multiples of 2.5 ms.
const CONCEAL_STEP_SAMPLES: usize = (PIPELINE_HZ as usize) / 400;

/// Opus at any rate in, mono at the pipeline's 16 kHz out: libopus resamples for nothing.
pub struct OpusDecoder {
    decoder: Decoder,
    scratch: Box<[i16; MAX_PACKET_SAMPLES]>,
}

impl std::fmt::Debug for OpusDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusDecoder").finish_non_exhaustive()
    }
}

impl OpusDecoder {
    /// A decoder for one track.
    ///
    /// # Errors
    /// [`AudioError::Codec`] when libopus finds no memory.
    pub fn new() -> Result<Self, AudioError> {
        let decoder = Decoder::new(PIPELINE_HZ, Channels::Mono)
            .map_err(|error| AudioError::Codec("decoder", error.to_string()))?;
        Ok(Self { decoder, scratch: Box::new([0; MAX_PACKET_SAMPLES]) })
    }

    /// Appends a packet's samples to `out` and returns how many.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] when the packet is empty, or not Opus; the decoder stays usable.
    pub fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<usize, AudioError> {
        // An empty packet would mean "conceal" to libopus.
        if packet.is_empty() {
            return Err(AudioError::Malformed(0));
        }
        let samples = self
            .decoder
            .decode(packet, &mut self.scratch[..], false)
            .map_err(|_| AudioError::Malformed(packet.len()))?;
        out.extend_from_slice(&self.scratch[..samples]);
        Ok(samples)
    }

    /// Appends `samples` of what the sender probably said; fades to silence when asked for more and more.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.fill(&[], samples, out);
    }

    /// Appends the last `samples` before `next`, from the redundancy in it when it has some (in-band
    /// FEC, RFC 6716, section 2.1.7), concealed otherwise.
    pub fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) {
        self.fill(next, samples, out);
    }

    /// Forgets what was said so far: the next packet starts a stream.
    pub fn reset(&mut self) {
        // It cannot fail on a decoder that exists (opus_defines.h, OPUS_RESET_STATE); a stale state only clicks.
        let _ = self.decoder.reset_state();
    }

    /// Samples of a packet without decoding it; `None` when it is not Opus.
    #[must_use]
    pub fn packet_samples(&self, packet: &[u8]) -> Option<usize> {
        self.decoder.get_nb_samples(packet).ok()
    }

    fn fill(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) {
        let mut left = samples;
        while left > 0 {
            let wanted = left.next_multiple_of(CONCEAL_STEP_SAMPLES).min(MAX_PACKET_SAMPLES);
            let made = self.decoder.decode(next, &mut self.scratch[..wanted], !next.is_empty()).unwrap_or(0);
            self.scratch[made.min(wanted)..wanted].fill(0);
            let taken = left.min(wanted);
            out.extend_from_slice(&self.scratch[..taken]);
            left -= taken;
        }
    }
}
