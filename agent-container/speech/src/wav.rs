//! WAV headers: written before an upload, read at the head of a stream.

/// A file with 16-bit mono samples.
pub(crate) fn write(samples: &[i16], sample_rate: u32) -> Vec<u8> {
    let length = (samples.len() * 2) as u32;
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + length).to_le_bytes());
    // Format chunk of 16 bytes: PCM, one channel.
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&sample_rate.to_le_bytes());
    file.extend_from_slice(&(sample_rate * 2).to_le_bytes());
    // Two bytes a sample, 16 bits.
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    /// Bytes before the first sample.
    pub(crate) length: usize,
}

/// Outcome of reading a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Header(Header),
    /// More bytes are needed.
    More,
    /// Not a WAV of 16-bit samples.
    No,
}

/// Reads the header at the start of `bytes`. Sizes of the whole are ignored: streams do not know them.
pub(crate) fn read(bytes: &[u8]) -> Read {
    let known = bytes.len().min(4);
    if bytes[..known] != b"RIFF"[..known] {
        return Read::No;
    }
    if bytes.len() < 12 {
        return Read::More;
    }
    if &bytes[8..12] != b"WAVE" {
        return Read::No;
    }
    let mut at = 12;
    let mut format = None;
    loop {
        let Some(head) = bytes.get(at..at + 8) else { return Read::More };
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let body = at + 8;
        match (&head[..4], format) {
            (b"data", Some((channels, sample_rate))) => {
                return Read::Header(Header { sample_rate, channels, length: body });
            }
            (b"data", None) => return Read::No,
            (b"fmt ", _) => {
                let Some(chunk) = bytes.get(body..body + 16) else { return Read::More };
                let number = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
                let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
                // 1 is PCM, 0xfffe its extensible form.
                if !matches!(number(0), 1 | 0xfffe) || number(14) != 16 || number(2) == 0 || rate == 0 {
                    return Read::No;
                }
                format = Some((number(2), rate));
            }
            _ => {}
        }
        // Chunks are padded to an even length.
        let Some(next) = body.checked_add(size).and_then(|end| end.checked_add(size % 2)) else {
            return Read::No;
        };
        at = next;
    }
}
