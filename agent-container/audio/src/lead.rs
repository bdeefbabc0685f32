//! Silence before speech, taken away: synthesised speech begins with some 50 to 250 ms of it, and a caller waits
//! them out.

use crate::PIPELINE_HZ;
use crate::analysis::rms_dbfs;

/// Blocks in which sound is looked for: 5 ms.
const BLOCK: usize = PIPELINE_HZ as usize / 200;
/// Louder than this is speech: soft consonants are above it, a voice model's own noise is below.
const SOUND_DBFS: f64 = -55.0;
/// What stays before the sound, so that its onset is whole: 10 ms.
const KEPT: usize = 2 * BLOCK;
/// More than this is a pause somebody wants: 600 ms.
const MOST: usize = PIPELINE_HZ as usize * 6 / 10;

/// Takes the silence before one utterance away, as its samples come. At [`PIPELINE_HZ`].
#[derive(Debug, Default)]
pub struct LeadTrim {
    waiting: Vec<i16>,
    dropped: usize,
    passed: bool,
}

impl LeadTrim {
    /// Takes more samples and appends to `out` what is not leading silence.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        if self.passed {
            return out.extend_from_slice(samples);
        }
        self.waiting.extend_from_slice(samples);
        let loud = |block: &[i16]| rms_dbfs(block) > SOUND_DBFS;
        if let Some(at) = self.waiting.chunks_exact(BLOCK).position(loud) {
            let silence = (at * BLOCK).saturating_sub(KEPT).min(MOST - self.dropped);
            self.waiting.drain(..silence);
            self.dropped += silence;
            return self.finish(out);
        }
        // All of it is silence so far; its last whole blocks may be the ones that stay.
        let blocks = self.waiting.len() / BLOCK * BLOCK;
        let silence = blocks.saturating_sub(KEPT).min(MOST - self.dropped);
        self.waiting.drain(..silence);
        self.dropped += silence;
        if self.dropped == MOST {
            self.finish(out);
        }
    }

    /// No more samples come: what was held back, which is silence.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        self.passed = true;
        out.append(&mut self.waiting);
    }

    /// Milliseconds taken away; known for good once [`Self::is_over`].
    #[must_use]
    pub fn dropped_ms(&self) -> u64 {
        self.dropped as u64 * 1000 / u64::from(PIPELINE_HZ)
    }

    /// Whether the speech has begun.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: usize = PIPELINE_HZ as usize / 1000;

    /// `silence` ms of faint noise, then 100 ms of a tone, fed in pieces of `piece` samples.
    #[track_caller]
    fn check(silence: usize, piece: usize, dropped_ms: u64) {
        let noise = (0..silence * MS).map(|n| if n % 2 == 0 { 8 } else { -8 });
        let tone = (0..100 * MS).map(|n| ((n as f64 / 5.0).sin() * 6000.0) as i16);
        let samples: Vec<i16> = noise.chain(tone).collect();
        let (mut trim, mut out) = (LeadTrim::default(), Vec::new());
        samples.chunks(piece).for_each(|piece| trim.push(piece, &mut out));
        trim.finish(&mut out);
        assert_eq!(trim.dropped_ms(), dropped_ms, "{silence} ms in pieces of {piece}");
        assert_eq!(out, samples[dropped_ms as usize * MS..], "the rest is as it was");
    }

    #[test]
    fn silence_before_speech_goes_all_but_ten_milliseconds() {
        for piece in [1, 37, 80, 320, 100_000] {
            check(200, piece, 190);
            check(0, piece, 0);
            check(10, piece, 0);
        }
    }

    #[test]
    fn a_long_pause_is_shortened_by_the_most_only() {
        for piece in [160, 100_000] {
            check(2000, piece, 600);
        }
    }

    #[test]
    fn silence_alone_is_not_all_taken_away() {
        let (mut trim, mut out) = (LeadTrim::default(), Vec::new());
        trim.push(&[0; 200 * MS], &mut out);
        assert!(out.is_empty() && !trim.is_over());
        trim.finish(&mut out);
        assert_eq!((out.len(), trim.dropped_ms()), (KEPT, 190));
    }
}
