//! Metrics of a turn: a fold over the journal, nothing is measured elsewhere.

use serde::{Deserialize, Serialize};

use crate::{CallTime, TurnId};

/// One turn from the caller's last sound to the agent's first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnTrace {
    /// The turn.
    pub turn: TurnId,
    /// Moments of the turn.
    pub anchors: Anchors,
    /// Differences of neighbouring moments in milliseconds; `None` where an anchor is missing or stale.
    pub deltas: Deltas,
    /// The largest of the deltas.
    pub critical_path: Option<Stage>,
    /// How the turn ended.
    pub outcome: TurnOutcome,
    /// Tokens the model used for it, thrown-away answers included.
    pub usage: crate::Usage,
}

/// Moments of a turn, `None` when they did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Anchors {
    /// The caller's first sound.
    pub speech_start: Option<CallTime>,
    /// The caller's last sound.
    pub speech_end: Option<CallTime>,
    /// VAD reported the end.
    pub vad_stop: Option<CallTime>,
    /// The last final transcript came.
    pub final_transcript: Option<CallTime>,
    /// The turn was committed.
    pub turn_commit: Option<CallTime>,
    /// First token of the answer that was used.
    pub llm_first_token: Option<CallTime>,
    /// First piece of text handed to synthesis.
    pub first_sentence: Option<CallTime>,
    /// First byte of audio.
    pub tts_first_byte: Option<CallTime>,
    /// First sample that is not silence was sent.
    #[serde(alias = "audio_sent")]
    pub audio_first_nonsilent_sample_sent: Option<CallTime>,
}

/// Milliseconds between moments of a turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deltas {
    /// `speech_end` → `final_transcript` (livekit: `transcription_delay`).
    pub transcription_ms: Option<u64>,
    /// `speech_end` → `turn_commit` (livekit: `end_of_utterance_delay`).
    pub end_of_turn_ms: Option<u64>,
    /// `turn_commit` → `llm_first_token`; 0 when the early answer was there.
    pub llm_ttft_ms: Option<u64>,
    /// `llm_first_token` (or commit) → `first_sentence`.
    pub first_sentence_ms: Option<u64>,
    /// `first_sentence` → `tts_first_byte`.
    pub tts_ttfb_ms: Option<u64>,
    /// `tts_first_byte` → `audio_first_nonsilent_sample_sent`.
    pub playout_ms: Option<u64>,
    /// `speech_end` → `audio_first_nonsilent_sample_sent` (livekit: `e2e_latency`).
    pub e2e_ms: Option<u64>,
}

/// Stages of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Waiting for the recogniser.
    Transcription,
    /// Waiting for the caller to go on.
    EndOfTurn,
    /// Waiting for the model's first token.
    Llm,
    /// Waiting for enough text.
    Sentence,
    /// Waiting for the voice.
    Tts,
    /// Waiting for playout.
    Playout,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The agent's reply was heard.
    Replied,
    /// Only fillers or apologies were heard.
    FilledOnly,
    /// The caller went on before the reply was heard.
    Superseded,
    /// The call ended, was transferred or went to voicemail before the reply.
    Ended,
    /// The model had nothing to say.
    NoReply,
}
