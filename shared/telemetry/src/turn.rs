//! Moments and stages of a turn: the names in the journal, logs, metrics, spans and on the call's record, and what
//! others call the same.

/// Moments of a turn, in the order in which they come, as the journal and spans name them.
pub const ANCHORS: [&str; 9] = [
    "speech_start",
    "speech_end",
    "vad_stop",
    "final_transcript",
    "turn_commit",
    "llm_first_token",
    "first_sentence",
    "tts_first_byte",
    "audio_first_nonsilent_sample_sent",
];

/// Speech end → final transcript.
pub const TRANSCRIPTION: &str = "transcription";
/// Speech end → commit.
pub const END_OF_TURN: &str = "end_of_turn";
/// Commit → first token.
pub const LLM_TTFT: &str = "llm_ttft";
/// First token → first piece of text for the voice.
pub const FIRST_SENTENCE: &str = "first_sentence";
/// First piece of text → first byte of audio.
pub const TTS_TTFB: &str = "tts_ttfb";
/// First byte of audio → first sample sent that is not silence.
pub const PLAYOUT: &str = "playout";
/// Speech end → first sample sent that is not silence.
pub const E2E: &str = "e2e";

/// One name in three vocabularies; `None` where a vocabulary has no word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    /// Ours.
    pub ours: &'static str,
    /// livekit-agents' (`metrics/base.py`, `telemetry/trace_types.py`).
    pub livekit: Option<&'static str>,
    /// OpenTelemetry's conventions for generative AI, which know neither voice nor turns.
    pub gen_ai: Option<&'static str>,
}

const fn synonym(ours: &'static str, livekit: Option<&'static str>, gen_ai: Option<&'static str>) -> Synonym {
    Synonym { ours, livekit, gen_ai }
}

/// Every moment, stage and span.
pub const VOCABULARY: [Synonym; 22] = [
    synonym("speech_start", Some("started_speaking_at"), None),
    synonym("speech_end", Some("stopped_speaking_at"), None),
    synonym("vad_stop", None, None),
    synonym("final_transcript", None, None),
    synonym("turn_commit", None, None),
    synonym("llm_first_token", None, None),
    // "first_sentence" is a moment and the stage that ends in it.
    synonym("tts_first_byte", None, None),
    synonym("audio_first_nonsilent_sample_sent", Some("started_speaking_at"), None),
    synonym(TRANSCRIPTION, Some("lk.agents.turn.transcription_delay"), None),
    synonym(END_OF_TURN, Some("lk.agents.turn.end_of_turn_delay"), None),
    synonym(LLM_TTFT, Some("lk.agents.turn.llm_ttft"), Some("gen_ai.server.time_to_first_token")),
    synonym(FIRST_SENTENCE, Some("llm_node_ttfs"), None),
    synonym(TTS_TTFB, Some("lk.agents.turn.tts_ttfb"), None),
    synonym(PLAYOUT, Some("playback_latency"), None),
    synonym(E2E, Some("lk.agents.turn.e2e_latency"), None),
    synonym(crate::span::INVOKE_AGENT, Some("agent_session"), Some("invoke_agent")),
    synonym(crate::span::USER_TURN, Some("user_turn"), None),
    synonym(crate::span::AGENT_TURN, Some("agent_turn"), None),
    synonym(crate::span::CHAT, Some("llm_node"), Some("chat")),
    synonym(crate::span::TTS, Some("tts_node"), None),
    synonym(crate::span::EXECUTE_TOOL, Some("function_tool"), Some("execute_tool")),
    synonym(crate::span::SPEAKING, Some("agent_speaking"), None),
];
