//! Drop-outs: silence in the agent's speech that the synthesised speech does not have.

use anyhow::Result;
use audio::analysis::Segment;
use servers::SAMPLE_RATE;

/// livekit-sip sends digital silence where it has nothing; µ-law's smallest steps are below this.
const QUIET: u16 = 16;
/// A frame, less what the phase of two clocks may hide of it.
const SHORTEST: usize = SAMPLE_RATE as usize * 18 / 1000;

/// Milliseconds of speech and of the silence in it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Gaps {
    pub(crate) speech_ms: f64,
    pub(crate) silence_ms: f64,
}

impl Gaps {
    /// Of a recording from its first to its last sound.
    pub(crate) fn of(samples: &[i16]) -> Self {
        let loud = |sample: &i16| sample.unsigned_abs() > QUIET;
        let (Some(first), Some(last)) = (samples.iter().position(loud), samples.iter().rposition(loud))
        else {
            return Self::default();
        };
        let speech = &samples[first..=last];
        let runs = speech.split(loud).map(<[i16]>::len).filter(|&run| run >= SHORTEST);
        Self { speech_ms: ms(speech.len()), silence_ms: ms(runs.sum()) }
    }

    /// Of a stretch of a recording.
    pub(crate) fn within(samples: &[i16], segment: Segment) -> Self {
        let at = |ms: u64| (ms as usize * SAMPLE_RATE as usize / 1000).min(samples.len());
        Self::of(&samples[at(segment.start_ms)..at(segment.end_ms)])
    }

    /// Frames of 20 ms that were missing, of all frames of `reference`, in percent.
    pub(crate) fn missing_percent(heard: &[Self], reference: Self) -> f64 {
        let missing: f64 = heard.iter().map(|gaps| (gaps.silence_ms - reference.silence_ms).max(0.0)).sum();
        let speech = reference.speech_ms * heard.len() as f64;
        if speech > 0.0 { 100.0 * missing / speech } else { 0.0 }
    }
}

fn ms(samples: usize) -> f64 {
    samples as f64 * 1000.0 / f64::from(SAMPLE_RATE)
}

/// `text` as the simulated voice speaks it, at the telephone's rate: no gap in it is anybody's fault.
pub(crate) async fn reference(text: &str) -> Result<Gaps> {
    Ok(Gaps::of(&local::speech::synthesised(text, "en-us", 165).await?))
}
