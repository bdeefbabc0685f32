//! Names of spans and of their attributes. `gen_ai.*` where OpenTelemetry has a name, `ringdown.*` elsewhere; what
//! was said, numbers and digits are in none of them.

/// A call, from the moment its agent is known to its end. livekit-agents: `agent_session`.
pub const INVOKE_AGENT: &str = "invoke_agent";
/// The caller's turn: first sound to commit.
pub const USER_TURN: &str = "user_turn";
/// The agent's answer: commit to first sound.
pub const AGENT_TURN: &str = "agent_turn";
/// One request to a language model, fallbacks included.
pub const CHAT: &str = "chat";
/// First piece of text to first byte of audio.
pub const TTS: &str = "tts_node";
/// One run of a tool.
pub const EXECUTE_TOOL: &str = "execute_tool";
/// The agent is heard: first sample to last.
pub const SPEAKING: &str = "agent_speaking";

/// What kind of operation a span is; the span's name.
pub const OPERATION: &str = "gen_ai.operation.name";
/// Agent id.
pub const AGENT: &str = "gen_ai.agent.id";
/// Call id.
pub const CONVERSATION: &str = "gen_ai.conversation.id";
/// Vendor of the language model, where only one is configured.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// Its model.
pub const MODEL: &str = "gen_ai.request.model";
/// Prompt tokens.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Completion tokens.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Name of a tool.
pub const TOOL: &str = "gen_ai.tool.name";
/// What went wrong, as a kind.
pub const ERROR: &str = "error.type";
/// Number of the turn within its call.
pub const TURN: &str = "ringdown.turn";
/// How a turn ended.
pub const OUTCOME: &str = "ringdown.turn.outcome";
/// Prefix of a stage's milliseconds: followed by a name of [`crate::turn`].
pub const STAGE_PREFIX: &str = "ringdown.turn.stage_ms.";
/// Prefix of a moment's milliseconds of call time: followed by one of [`crate::turn::ANCHORS`].
pub const MOMENT_PREFIX: &str = "ringdown.turn.at_ms.";
/// The stage that took longest.
pub const CRITICAL_PATH: &str = "ringdown.turn.critical_path";
/// What kind of speech sounds.
pub const SPEECH: &str = "ringdown.speech.kind";
/// An answer nobody wanted any more.
pub const CANCELLED: &str = "ringdown.cancelled";
/// Why the call ended.
pub const END_REASON: &str = "ringdown.end_reason";
