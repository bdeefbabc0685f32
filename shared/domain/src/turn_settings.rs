//! How an agent takes turns: the operator's side of it.

use serde::{Deserialize, Serialize};

/// Settings of turn taking. Every field may be left out; what that means, and which ranges hold, is
/// decided by the `dialogue` crate, which turns this into its own configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TurnSettings {
    /// Probability of speech, 0 to 1, at which a silent caller counts as speaking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vad_activation: Option<f64>,
    /// Probability of speech, 0 to 1, below which a speaking caller counts as silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vad_deactivation: Option<f64>,
    /// Milliseconds of speech before it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vad_min_speech_ms: Option<u32>,
    /// Milliseconds of silence before speech counts as ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vad_min_silence_ms: Option<u32>,
    /// Least milliseconds between the end of speech and the end of the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpointing_min_delay_ms: Option<u32>,
    /// Most milliseconds between the end of speech and the end of the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpointing_max_delay_ms: Option<u32>,
    /// Learn the delay from the caller's own pauses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpointing_dynamic: Option<bool>,
    /// A model that hears whether the caller has finished; none: text and silence decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpointing_turn_model: Option<EndOfTurnModel>,
    /// Probability, 0 to 1, below which that model holds a turn to be unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpointing_turn_model_threshold: Option<f64>,
    /// The caller may interrupt the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruption_enabled: Option<bool>,
    /// Milliseconds of speech that interrupt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruption_min_duration_ms: Option<u32>,
    /// Words that interrupt; 0: speech alone does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruption_min_words: Option<u32>,
    /// Milliseconds at the start of the agent's speech in which nothing interrupts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruption_dead_time_ms: Option<u32>,
    /// Milliseconds after which an interruption without words counts as false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_interruption_timeout_ms: Option<u32>,
    /// Go on speaking after a false interruption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_interruption_resume: Option<bool>,
    /// Words that, said while the agent speaks, mean "go on".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_words: Option<Vec<String>>,
    /// Begin thinking before the turn has surely ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemptive_generation: Option<bool>,
    /// Milliseconds of speech beyond which thinking ahead is not worth it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemptive_max_speech_ms: Option<u32>,
    /// What is said to a silent caller, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_prompts: Option<Vec<SilencePrompt>>,
    /// Milliseconds of silence, after the last prompt, that end the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_silence_ms: Option<u32>,
    /// What is done about a turn that gets no reply, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<Vec<WatchdogStep>>,
    /// Least milliseconds between two speeches of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_consecutive_speech_delay_ms: Option<u32>,
    /// Most tool calls in a row before the model must answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tool_steps: Option<u32>,
    /// Milliseconds a final transcript may come after the end of speech.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript_timeout_ms: Option<u32>,
}

/// Models that hear whether the caller has finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndOfTurnModel {
    /// None.
    None,
    /// Smart Turn v3.2, evaluated in the agent's process.
    SmartTurn,
}

/// One prompt to a silent caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilencePrompt {
    /// Milliseconds of silence before it.
    pub after_ms: u32,
    /// The words.
    pub say: String,
}

/// One step towards a turn that gets no reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchdogStep {
    /// Milliseconds since the end of the caller's turn.
    pub after_ms: u32,
    /// What is done.
    pub action: WatchdogAction,
    /// What is said, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
}

/// What is done about a turn that gets no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchdogAction {
    /// Only speak, to fill the time.
    Filler,
    /// Ask the next vendor of the list.
    Fallback,
    /// Put the caller through to a person, else to voicemail.
    Transfer,
    /// End the call.
    HangUp,
}
