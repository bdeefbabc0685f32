//! Formats of audio on the wire.

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Linear16,
    Mulaw,
    Alaw,
}

/// Encoding and rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) encoding: Encoding,
    pub(crate) sample_rate: u32,
}

impl Format {
    pub(crate) fn new(encoding: Encoding, sample_rate: u32) -> Self {
        Self { encoding, sample_rate }
    }

    pub(crate) fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self.encoding {
            Encoding::Linear16 => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Encoding::Mulaw => samples.iter().map(|&sample| to_mulaw(sample)).collect(),
            Encoding::Alaw => samples.iter().map(|&sample| to_alaw(sample)).collect(),
        }
    }

    /// Samples of a message; an odd last byte is dropped.
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<i16> {
        match self.encoding {
            Encoding::Linear16 => {
                bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
            }
            Encoding::Mulaw => bytes.iter().map(|&byte| from_mulaw(byte)).collect(),
            Encoding::Alaw => bytes.iter().map(|&byte| from_alaw(byte)).collect(),
        }
    }

    pub(crate) fn bytes_per_second(self) -> usize {
        let width = if self.encoding == Encoding::Linear16 { 2 } else { 1 };
        self.sample_rate as usize * width
    }
}

/// G.711 µ-law, by the formula (bias 132, clip 32635).
fn to_mulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32635) + 132;
    let exponent = (31 - magnitude.leading_zeros() as i32) - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) | mantissa) as u8
}

fn from_mulaw(byte: u8) -> i16 {
    let code = i32::from(!byte);
    let magnitude = (((code & 0x0f) << 3) + 132) << ((code >> 4) & 7);
    let magnitude = magnitude - 132;
    (if code & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

/// G.711 A-law, by the formula.
fn to_alaw(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let magnitude = (if sample >= 0 { i32::from(sample) } else { -i32::from(sample) - 1 }) >> 3;
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let exponent = 31 - magnitude.leading_zeros() as i32 - 4;
        (exponent << 4) | ((magnitude >> exponent) & 0x0f)
    };
    (sign | code) as u8 ^ 0x55
}

fn from_alaw(byte: u8) -> i16 {
    let code = i32::from(byte ^ 0x55);
    let (exponent, mantissa) = ((code >> 4) & 7, code & 0x0f);
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    (if code & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

/// A 44-byte header and the samples.
pub(crate) fn wav(samples: &[i16], sample_rate: u32) -> Vec<u8> {
    let length = (samples.len() * 2) as u32;
    let mut out = Vec::with_capacity(44 + samples.len() * 2);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + length).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&sample_rate.to_le_bytes());
    out.extend_from_slice(&(sample_rate * 2).to_le_bytes());
    out.extend_from_slice(b"\x02\0\x10\0data");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    out
}

/// Rate and samples of a 16-bit WAV; the first channel of several. Sizes that overrun (streamed files) are cut.
pub(crate) fn read_wav(bytes: &[u8]) -> Option<(u32, Vec<i16>)> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (mut sample_rate, mut channels) = (0, 1);
    loop {
        let (id, size) = (rest.get(..4)?, u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize);
        let body = &rest[8..];
        match id {
            b"fmt " => {
                channels = usize::from(u16::from_le_bytes(body.get(2..4)?.try_into().ok()?)).max(1);
                sample_rate = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
            }
            b"data" => {
                let data = &body[..size.min(body.len())];
                let samples = Format::new(Encoding::Linear16, sample_rate).decode(data);
                return Some((sample_rate, samples.into_iter().step_by(channels).collect()));
            }
            _ => {}
        }
        rest = body.get(size + size % 2..)?;
    }
}

/// Another rate.
pub(crate) fn resample(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, audio::AudioError> {
    let mut resampler = audio::Resampler::new(from, to)?;
    let mut resampled = Vec::with_capacity(samples.len() * to as usize / from.max(1) as usize + 1);
    resampler.push(samples, &mut resampled);
    resampler.finish(&mut resampled);
    Ok(resampled)
}
