//! Samples and bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::WsMessage;

/// Samples as little-endian bytes.
pub(crate) fn to_bytes(samples: &[i16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * 2);
    samples.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes()));
    bytes
}

/// Samples as base64 of little-endian bytes.
pub(crate) fn to_base64(samples: &[i16]) -> String {
    STANDARD.encode(to_bytes(samples))
}

/// Bytes of base64, or `None`.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Gathers audio into chunks of a size worth a message.
#[derive(Debug)]
pub(crate) struct Gather {
    chunk: usize,
    held: Vec<i16>,
}

impl Gather {
    /// Chunks of `chunk_ms` at `sample_rate` Hz, or longer ones where more comes in one piece.
    pub(crate) fn new(chunk_ms: u32, sample_rate: u32) -> Self {
        let chunk = u64::from(sample_rate) * u64::from(chunk_ms) / 1000;
        Self { chunk: usize::try_from(chunk).unwrap_or(usize::MAX).max(1), held: Vec::new() }
    }

    /// Takes audio; a chunk when there is enough.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Option<WsMessage> {
        self.held.extend_from_slice(samples);
        if self.held.len() >= self.chunk { self.rest() } else { None }
    }

    /// What there is, and Deepgram's command of this type behind it.
    pub(crate) fn rest_and(&mut self, command: &str) -> Vec<WsMessage> {
        self.rest().into_iter().chain([WsMessage::json(&json!({ "type": command }))]).collect()
    }

    /// What there is, if it is anything.
    pub(crate) fn rest(&mut self) -> Option<WsMessage> {
        let rest = (!self.held.is_empty()).then(|| WsMessage::Binary(to_bytes(&self.held)));
        self.held.clear();
        rest
    }
}

/// Turns byte chunks that may end inside a sample into samples.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    carry: Option<u8>,
}

impl Samples {
    /// All whole samples so far; an odd last byte waits for the next chunk.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut rest = bytes;
        let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
        if let (Some(low), Some((&high, tail))) = (self.carry, rest.split_first()) {
            samples.push(i16::from_le_bytes([low, high]));
            self.carry = None;
            rest = tail;
        }
        let pairs = rest.chunks_exact(2);
        if let [odd] = pairs.remainder() {
            self.carry = Some(*odd);
        }
        samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        samples
    }
}
