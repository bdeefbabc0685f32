//! How an agent takes turns: the operator's side of it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::invalid::{Invalid, require};
use crate::turn_limits as limits;

/// Settings of turn taking. Every field may be left out; what that means is decided by the `dialogue`
/// crate, which turns this into its own configuration. The ranges are those of [`turn_limits`](crate::turn_limits).
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

/// Most prompts to a silent caller: nobody waits for more.
const MAX_PROMPTS: usize = 20;
/// Most words that mean "go on".
const MAX_BACKCHANNELS: usize = 200;
/// Longest of them, in bytes.
const MAX_BACKCHANNEL: usize = 50;
/// Longest text said without the model, in bytes.
const MAX_SAID: usize = 500;

impl TurnSettings {
    /// Checks the ranges, and what several settings mean together; what is not set has its default.
    ///
    /// # Errors
    /// The first field that makes no sense, by its name here.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.probabilities()?;
        for (field, value, range) in self.numbers() {
            value.map_or(Ok(()), |value| within(field, value, &range))?;
        }
        let least = self.endpointing_min_delay_ms.unwrap_or(limits::DEFAULT_ENDPOINTING_MIN_DELAY_MS);
        let ordered = self.endpointing_max_delay_ms.is_none_or(|most| most >= least);
        let why = format!("must be at least endpointing_min_delay_ms, {least}");
        require(ordered, "endpointing_max_delay_ms", &why)?;
        self.backchannels()?;
        self.prompts()?;
        watchdog(self.watchdog.as_deref().unwrap_or_default())
    }

    fn probabilities(&self) -> Result<(), Invalid> {
        for (field, value) in [
            ("vad_activation", self.vad_activation),
            ("vad_deactivation", self.vad_deactivation),
            ("endpointing_turn_model_threshold", self.endpointing_turn_model_threshold),
        ] {
            require(value.is_none_or(|p| (0.0..=1.0).contains(&p)), field, "must be 0 to 1")?;
        }
        let activation = self.vad_activation.unwrap_or(limits::DEFAULT_VAD_ACTIVATION.into());
        let ordered = self.vad_deactivation.is_none_or(|p| p <= activation);
        require(ordered, "vad_deactivation", &format!("must not exceed vad_activation, {activation}"))
    }

    fn numbers(&self) -> [(&'static str, Option<u32>, RangeInclusive<u32>); 13] {
        [
            ("vad_min_speech_ms", self.vad_min_speech_ms, limits::VAD_MIN_SPEECH_MS),
            ("vad_min_silence_ms", self.vad_min_silence_ms, limits::VAD_MIN_SILENCE_MS),
            ("endpointing_min_delay_ms", self.endpointing_min_delay_ms, limits::ENDPOINTING_MIN_DELAY_MS),
            ("endpointing_max_delay_ms", self.endpointing_max_delay_ms, limits::ENDPOINTING_MAX_DELAY_MS),
            (
                "interruption_min_duration_ms",
                self.interruption_min_duration_ms,
                limits::INTERRUPTION_MIN_DURATION_MS,
            ),
            ("interruption_min_words", self.interruption_min_words, limits::INTERRUPTION_MIN_WORDS),
            ("interruption_dead_time_ms", self.interruption_dead_time_ms, limits::INTERRUPTION_DEAD_TIME_MS),
            (
                "false_interruption_timeout_ms",
                self.false_interruption_timeout_ms,
                limits::FALSE_INTERRUPTION_TIMEOUT_MS,
            ),
            ("preemptive_max_speech_ms", self.preemptive_max_speech_ms, limits::PREEMPTIVE_MAX_SPEECH_MS),
            ("max_silence_ms", self.max_silence_ms, limits::SILENCE_MS),
            (
                "min_consecutive_speech_delay_ms",
                self.min_consecutive_speech_delay_ms,
                limits::MIN_SPEECH_GAP_MS,
            ),
            ("max_tool_steps", self.max_tool_steps, limits::MAX_TOOL_STEPS),
            ("transcript_timeout_ms", self.transcript_timeout_ms, limits::TRANSCRIPT_TIMEOUT_MS),
        ]
    }

    fn backchannels(&self) -> Result<(), Invalid> {
        let words = self.backchannel_words.as_deref().unwrap_or_default();
        require(words.len() <= MAX_BACKCHANNELS, "backchannel_words", "must be at most 200")?;
        for (i, word) in words.iter().enumerate() {
            let good = !word.trim().is_empty() && word.len() <= MAX_BACKCHANNEL;
            require(good, &format!("backchannel_words[{i}]"), "must have 1 to 50 bytes")?;
        }
        Ok(())
    }

    fn prompts(&self) -> Result<(), Invalid> {
        let prompts = self.silence_prompts.as_deref().unwrap_or_default();
        require(prompts.len() <= MAX_PROMPTS, "silence_prompts", "must be at most 20")?;
        for (i, prompt) in prompts.iter().enumerate() {
            within(&format!("silence_prompts[{i}].after_ms"), prompt.after_ms, &limits::SILENCE_MS)?;
            said(&format!("silence_prompts[{i}].say"), &prompt.say)?;
        }
        Ok(())
    }
}

/// Each step at most once, in the order in which they come; those not named keep their default.
fn watchdog(steps: &[WatchdogStep]) -> Result<(), Invalid> {
    let mut due = limits::DEFAULT_WATCHDOG_MS;
    let mut last = None;
    for (i, step) in steps.iter().enumerate() {
        let place = step.action.place();
        let why = "must come once, in the order filler, fallback, transfer or hang_up";
        require(last < Some(place), &format!("watchdog[{i}].action"), why)?;
        last = Some(place);
        due[place] = step.after_ms;
        step.say.as_deref().map_or(Ok(()), |say| said(&format!("watchdog[{i}].say"), say))?;
    }
    for (i, step) in steps.iter().enumerate() {
        let field = format!("watchdog[{i}].after_ms");
        let place = step.action.place();
        within(&field, step.after_ms, &limits::WATCHDOG_MS[place])?;
        let before = place.checked_sub(1).map_or(0, |before| due[before]);
        require(before < step.after_ms, &field, &format!("must be above {before}, the step before it"))?;
        let next = due.get(place + 1).copied().unwrap_or(u32::MAX);
        require(step.after_ms < next, &field, &format!("must be below {next}, the step after it"))?;
    }
    Ok(())
}

impl WatchdogAction {
    /// Which of the three steps it is.
    const fn place(self) -> usize {
        match self {
            Self::Filler => 0,
            Self::Fallback => 1,
            Self::Transfer | Self::HangUp => 2,
        }
    }
}

fn within(field: &str, value: u32, range: &RangeInclusive<u32>) -> Result<(), Invalid> {
    require(range.contains(&value), field, &format!("must be {} to {}", range.start(), range.end()))
}

fn said(field: &str, text: &str) -> Result<(), Invalid> {
    require(!text.trim().is_empty() && text.len() <= MAX_SAID, field, "must have 1 to 500 bytes")
}
