//! µ-law, ITU-T G.711: one byte a sample at 8 kHz.

use audio_codec_algorithms::{decode_ulaw, encode_ulaw};

/// Sample rate of PCMU on every telephone line (RFC 3551, section 4.5.14), in Hz.
pub const MULAW_HZ: u32 = 8_000;
/// Bytes of 20 ms of µ-law.
pub const MULAW_FRAME_BYTES: usize = 160;
/// The byte of silence (linear zero).
pub const MULAW_SILENCE: u8 = 0xFF;

/// Appends the samples of `bytes` to `out`.
pub fn decode(bytes: &[u8], out: &mut Vec<i16>) {
    out.extend(bytes.iter().map(|&byte| decode_ulaw(byte)));
}

/// Appends the bytes of `samples` to `out`.
pub fn encode(samples: &[i16], out: &mut Vec<u8>) {
    out.extend(samples.iter().map(|&sample| encode_ulaw(sample)));
}

#[cfg(test)]
mod tests {
    use super::{MULAW_SILENCE, decode, encode};

    fn round_trip(sample: i16) -> i16 {
        let (mut bytes, mut samples) = (Vec::new(), Vec::new());
        encode(&[sample], &mut bytes);
        decode(&bytes, &mut samples);
        samples[0]
    }

    #[test]
    fn every_byte_comes_back_as_itself_but_negative_zero() {
        for byte in 0..=u8::MAX {
            let (mut samples, mut bytes) = (Vec::new(), Vec::new());
            decode(&[byte], &mut samples);
            encode(&samples, &mut bytes);
            // 0x7F and 0xFF are both zero.
            assert_eq!(bytes[0], if byte == 0x7F { MULAW_SILENCE } else { byte });
        }
    }

    #[test]
    fn the_error_of_a_sample_stays_within_half_a_step_of_its_segment() {
        for sample in i16::MIN..=i16::MAX {
            let clipped = i32::from(sample).clamp(-32_635, 32_635);
            let error = (i32::from(round_trip(sample)) - clipped).abs();
            // G.711: 16 steps a segment, a segment doubles; biased by 33 in 14 bits (132 in 16).
            let half_step = (((clipped.abs() + 132) >> 5) + 1).max(4);
            assert!(error <= half_step, "{sample}: error {error}, half step {half_step}");
        }
    }

    #[test]
    fn silence_is_silent() {
        assert_eq!(round_trip(0), 0);
        let mut bytes = Vec::new();
        encode(&[0; 3], &mut bytes);
        assert_eq!(bytes, [MULAW_SILENCE; 3]);
    }
}
