use opus::{Application, Bitrate, Channels, Encoder, Signal};

use crate::{AudioError, Frame, PIPELINE_HZ};

/// Most that 20 ms of speech takes at the bit rates of telephony; libopus never writes beyond it.
const MAX_PACKET_BYTES: usize = 400;
/// Above this, encoding costs more than it can be heard on a telephone (40 µs a frame at 1, 83 at 3, 113 at 4).
const MAX_COMPLEXITY: i32 = 3;
/// Wideband speech is transparent from here on (RFC 7587, section 3.1.1: 16 to 20 kbit/s for WB).
const BITRATE_BPS: i32 = 24_000;

/// 20 ms frames of the pipeline to Opus packets.
pub struct OpusEncoder {
    encoder: Encoder,
    scratch: [u8; MAX_PACKET_BYTES],
}

impl std::fmt::Debug for OpusEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusEncoder").finish_non_exhaustive()
    }
}

impl OpusEncoder {
    /// An encoder for one track. `complexity` is 0 to 10 and capped at 3. `loss_percent` (0 to 100) is
    /// the loss to insure against with in-band redundancy; 0 sends none.
    ///
    /// # Errors
    /// [`AudioError::Codec`] when libopus refuses a setting or finds no memory.
    pub fn new(complexity: u8, loss_percent: u8) -> Result<Self, AudioError> {
        let build = || -> Result<Encoder, opus::Error> {
            let mut encoder = Encoder::new(PIPELINE_HZ, Channels::Mono, Application::Voip)?;
            encoder.set_complexity(i32::from(complexity).min(MAX_COMPLEXITY))?;
            encoder.set_bitrate(Bitrate::Bits(BITRATE_BPS))?;
            encoder.set_signal(Signal::Voice)?;
            encoder.set_inband_fec(loss_percent > 0)?;
            encoder.set_packet_loss_perc(i32::from(loss_percent.min(100)))?;
            Ok(encoder)
        };
        let encoder = build().map_err(|error| AudioError::Codec("encoder", error.to_string()))?;
        Ok(Self { encoder, scratch: [0; MAX_PACKET_BYTES] })
    }

    /// The packet of a frame; its RTP timestamp advances by 960 (RFC 7587: the clock is always 48 kHz).
    ///
    /// # Errors
    /// [`AudioError::Codec`] when libopus fails; the next frame may succeed.
    pub fn encode(&mut self, frame: &Frame) -> Result<&[u8], AudioError> {
        let bytes = self
            .encoder
            .encode(frame, &mut self.scratch)
            .map_err(|error| AudioError::Codec("encode", error.to_string()))?;
        Ok(&self.scratch[..bytes])
    }
}
