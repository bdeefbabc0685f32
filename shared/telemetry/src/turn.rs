//! Stages of a turn: the names in metrics, spans and on the call's record, and what others call the same.

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

/// Every stage and span.
pub const VOCABULARY: [Synonym; 14] = [
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
