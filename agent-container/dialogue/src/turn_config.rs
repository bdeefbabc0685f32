//! Every parameter of the conversation, with its unit in its name. Two presets: what a telephone wants and
//! what livekit-agents 1.8.9 does (for the comparison with its recorded timelines).

use domain::turn_limits as limits;
use serde::{Deserialize, Serialize};

use crate::{Endpointing, Interruption, RecogniserConfig, TurnModelConfig};

/// How the agent takes turns. Missing groups and fields take the phone defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// Voice activity; used by the detector, not by the dialogue.
    pub vad: VadConfig,
    /// When a turn of the caller is over.
    pub endpointing: Endpointing,
    /// The end-of-turn model.
    pub turn_model: TurnModelConfig,
    /// What to expect from the recogniser.
    pub recogniser: RecogniserConfig,
    /// When the caller may interrupt.
    pub interruption: Interruption,
    /// Working ahead.
    pub preemptive: Preemptive,
    /// When the caller says nothing.
    pub silence: Silence,
    /// When the agent says nothing.
    pub watchdog: Watchdog,
    /// Keys.
    pub digits: Digits,
    /// Tools.
    pub tools: Tools,
    /// Cutting text for synthesis.
    pub text: TextConfig,
    /// Limits of the whole call.
    pub limits: Limits,
}

/// Voice activity detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VadConfig {
    /// Score at which speech begins, 0 to 1.
    pub activation: f32,
    /// Score below which speech pauses, 0 to `activation`.
    pub deactivation: f32,
    /// Speech shorter than this is no speech.
    pub min_speech_ms: u64,
    /// Silence shorter than this ends nothing.
    pub min_silence_ms: u64,
}

impl Default for VadConfig {
    fn default() -> Self {
        Self {
            activation: limits::DEFAULT_VAD_ACTIVATION,
            deactivation: 0.35,
            min_speech_ms: 50,
            min_silence_ms: 250,
        }
    }
}

/// Working ahead of the commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preemptive {
    /// Ask the model at the final transcript.
    pub llm: bool,
    /// Synthesise its answer too (only with `llm`).
    pub tts: bool,
    /// Not when the caller has spoken longer than this.
    pub max_speech_ms: u64,
    /// Early requests in one turn.
    pub max_attempts: u32,
}

impl Default for Preemptive {
    fn default() -> Self {
        Self { llm: true, tts: false, max_speech_ms: 10_000, max_attempts: 5 }
    }
}

/// When the caller says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// From the last final transcript, agent speech, key or tool result: one for each unanswered deadline in
    /// a row, the last one again and again. Empty: never.
    pub deadlines_ms: Vec<u64>,
    /// The call ends at this many unanswered deadlines in a row; each one before is a spoken prompt.
    /// 0: the caller is only marked as away.
    pub max_unanswered: u32,
}

impl Default for Silence {
    fn default() -> Self {
        Self { deadlines_ms: vec![8000], max_unanswered: 2 }
    }
}

/// When the agent says nothing although it owes an answer. Counted from the commit of the turn, or from the
/// last tool's result; while a tool runs only the filler comes, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watchdog {
    /// A filler is spoken; `None`: the watchdog is off.
    pub filler_ms: Option<u64>,
    /// An apology is spoken and the request goes to the fallback vendor.
    pub apology_ms: u64,
    /// The caller is transferred or may leave a message.
    pub rescue_ms: u64,
}

impl Default for Watchdog {
    fn default() -> Self {
        let [filler, apology, rescue] = limits::DEFAULT_WATCHDOG_MS.map(u64::from);
        Self { filler_ms: Some(filler), apology_ms: apology, rescue_ms: rescue }
    }
}

/// Keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Digits {
    /// After this long without another key the number is complete.
    pub inter_digit_ms: u64,
    /// The key that completes a number at once.
    pub terminator: char,
    /// The first key interrupts the agent.
    pub interrupt: bool,
}

impl Default for Digits {
    fn default() -> Self {
        Self { inter_digit_ms: 4000, terminator: '#', interrupt: true }
    }
}

/// Tools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tools {
    /// Steps of model and tools in one turn; then the model must speak.
    pub max_steps: u32,
    /// A tool that runs this long in silence is bridged by a filler; `None`: never.
    pub filler_after_ms: Option<u64>,
    /// May a new turn of the caller be answered while a write tool still runs? (livekit: no.)
    pub answer_during_write: bool,
    /// A read tool is cancelled when the caller moves on. (livekit: no.)
    pub cancel_reads: bool,
    /// The model's next step begins while the words before the tool still play. (livekit: no.)
    pub think_during_speech: bool,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            max_steps: 3,
            filler_after_ms: Some(1500),
            answer_during_write: true,
            cancel_reads: true,
            think_during_speech: true,
        }
    }
}

/// Cutting text for synthesis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextConfig {
    /// Sentences shorter than this are merged with the next.
    pub min_sentence_chars: usize,
    /// The first piece may end at a comma after this many words; 0: sentences only.
    pub first_clause_words: usize,
    /// Longest piece.
    pub max_chunk_chars: usize,
    /// Speaking rate for texts without word timestamps (livekit: 3.83).
    pub syllables_per_s: f64,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self { min_sentence_chars: 20, first_clause_words: 4, max_chunk_chars: 300, syllables_per_s: 3.83 }
    }
}

/// Limits of the whole call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// From the answer; then the agent says goodbye and leaves.
    pub max_call_ms: u64,
    /// Turns of the caller; then the agent says goodbye and leaves.
    pub max_turns: u32,
    /// A speech-to-speech session is renewed after this, at an idle point.
    pub live_recycle_ms: u64,
    /// How long a hushed speech may take to report its position.
    pub hush_ms: u64,
    /// How long a transfer may take.
    pub transfer_ms: u64,
    /// Between two speeches of the agent.
    pub min_speech_gap_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_call_ms: 30 * 60 * 1000,
            max_turns: 500,
            live_recycle_ms: 25 * 60 * 1000,
            hush_ms: 1000,
            transfer_ms: 45_000,
            min_speech_gap_ms: 0,
        }
    }
}

impl TurnConfig {
    /// What a telephone wants.
    #[must_use]
    pub fn phone_default() -> Self {
        Self::default()
    }

    /// The parameters with which livekit-agents 1.8.9 was recorded: everything it does not have is off.
    #[must_use]
    pub fn livekit_189() -> Self {
        Self {
            vad: VadConfig { activation: 0.5, deactivation: 0.35, min_speech_ms: 50, min_silence_ms: 500 },
            endpointing: Endpointing {
                min_delay_ms: 500,
                max_delay_ms: 6000,
                text_rules: None,
                stt_end_ms: None,
                no_new_words_ms: None,
                ..Endpointing::default()
            },
            recogniser: RecogniserConfig {
                wait_ms: None,
                flush_after_ms: None,
                deaf_after_ms: None,
                ..RecogniserConfig::default()
            },
            interruption: Interruption {
                min_duration_ms: 500,
                greeting_min_words: 0,
                dead_time_ms: 0,
                false_timeout_ms: 2000,
                backchannel: Vec::new(),
                echo_words: 0,
                words_after_false_alarms: 0,
                ..Interruption::default()
            },
            silence: Silence { deadlines_ms: vec![15_000], max_unanswered: 0 },
            watchdog: Watchdog { filler_ms: None, ..Watchdog::default() },
            tools: Tools {
                filler_after_ms: None,
                answer_during_write: false,
                cancel_reads: false,
                think_during_speech: false,
                ..Tools::default()
            },
            text: TextConfig { first_clause_words: 0, ..TextConfig::default() },
            preemptive: Preemptive { max_attempts: 3, ..Preemptive::default() },
            ..Self::default()
        }
    }
}
