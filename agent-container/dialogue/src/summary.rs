//! A call's turns in figures, for the call record.

use serde::{Deserialize, Serialize};

use crate::{Deltas, TurnOutcome, TurnTrace};

/// Percentiles of each stage, and the turns that percentiles hide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Turns of the caller.
    pub turns: u32,
    /// Turns in which the reply was heard.
    pub turns_replied: u32,
    /// Turns in which only fillers or apologies were heard.
    pub turns_filled_only: u32,
    /// Turns in which no reply was heard although the caller waited for it; those with a filler included.
    pub turns_without_reply: u32,
    /// How long each stage took.
    pub stages: Stages,
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Completion tokens.
    pub output_tokens: u32,
}

/// The stages of the turns that had them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stages {
    /// Speech end → final transcript.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub transcription: Percentiles,
    /// Speech end → commit.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub end_of_turn: Percentiles,
    /// Commit → first token.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub llm_ttft: Percentiles,
    /// First token → first piece of text.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub first_sentence: Percentiles,
    /// First piece of text → first byte of audio.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub tts_ttfb: Percentiles,
    /// First byte → first sample sent.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub playout: Percentiles,
    /// Speech end → first sample sent.
    #[serde(skip_serializing_if = "Percentiles::is_empty")]
    pub e2e: Percentiles,
}

/// Percentiles in milliseconds (nearest rank), over the turns that have the figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Turns that have the figure.
    pub count: u32,
    /// Median.
    pub p50_ms: u64,
    /// 95th percentile.
    pub p95_ms: u64,
    /// 99th percentile.
    pub p99_ms: u64,
}

impl Summary {
    /// Of these turns.
    #[must_use]
    pub fn of(traces: &[TurnTrace]) -> Self {
        let stage = |f: fn(&Deltas) -> Option<u64>| {
            Percentiles::of(traces.iter().filter_map(|t| f(&t.deltas)).collect())
        };
        let count = |outcome: &[TurnOutcome]| {
            let n = traces.iter().filter(|t| outcome.contains(&t.outcome)).count();
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        Self {
            turns: u32::try_from(traces.len()).unwrap_or(u32::MAX),
            turns_replied: count(&[TurnOutcome::Replied]),
            turns_filled_only: count(&[TurnOutcome::FilledOnly]),
            turns_without_reply: count(&[TurnOutcome::NoReply, TurnOutcome::FilledOnly]),
            stages: Stages {
                transcription: stage(|d| d.transcription_ms),
                end_of_turn: stage(|d| d.end_of_turn_ms),
                llm_ttft: stage(|d| d.llm_ttft_ms),
                first_sentence: stage(|d| d.first_sentence_ms),
                tts_ttfb: stage(|d| d.tts_ttfb_ms),
                playout: stage(|d| d.playout_ms),
                e2e: stage(|d| d.e2e_ms),
            },
            input_tokens: traces.iter().map(|t| t.usage.input_tokens).sum(),
            output_tokens: traces.iter().map(|t| t.usage.output_tokens).sum(),
        }
    }
}

impl Percentiles {
    /// Has no turn the figure?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(at).copied().unwrap_or(0)
        };
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        Self { count, p50_ms: rank(50), p95_ms: rank(95), p99_ms: rank(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let of = |values: &[u64]| Percentiles::of(values.to_vec());
        assert_eq!(of(&[]), Percentiles::default());
        assert_eq!(of(&[7]), Percentiles { count: 1, p50_ms: 7, p95_ms: 7, p99_ms: 7 });
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Percentiles { count: 100, p50_ms: 50, p95_ms: 95, p99_ms: 99 });
    }
}
