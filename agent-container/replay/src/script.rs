//! The `.call` format: a timed script of a call, its faults and what is expected of it.
//! `events/calls/README.md` describes it for people.

use std::collections::VecDeque;
use std::fmt;

use dialogue::{Config, FailureKind, Input, TransferResult, TurnSkip};

use crate::expect::Expectation;

/// A parsed script.
#[derive(Debug, Clone)]
pub struct Script {
    /// First line of a report.
    pub title: String,
    /// What the dialogue is made from.
    pub config: Config,
    /// The caller and the road, in order of time.
    pub events: Vec<Timed>,
    /// Answers of the model, the first that fits is taken.
    pub model: Vec<ModelLine>,
    /// Tools.
    pub tools: Vec<ToolLine>,
    /// Audio lengths of texts.
    pub voices: Vec<VoiceLine>,
    /// How transfers end, in order.
    pub transfers: Vec<TransferLine>,
    /// What must and must not happen.
    pub expectations: Vec<Expectation>,
    /// The number of a recorded timeline to be compared with.
    pub golden: Option<u32>,
    /// The fake recogniser.
    pub stt: SttFake,
    /// The fake model's timing.
    pub llm: LlmFake,
    /// The fake voice's timing.
    pub tts: TtsFake,
    /// The fake end-of-turn model's answers in order; the last one repeats. None: it never answers.
    pub turn_model: VecDeque<TurnModelLine>,
    /// When the call is answered, in ms.
    pub answer_ms: u64,
    /// When the simulation ends, in ms.
    pub end_ms: u64,
}

/// Something that happens at a moment.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Milliseconds since the dialogue was made.
    pub at_ms: u64,
    /// What.
    pub what: Happening,
}

/// What the caller or the road does.
#[derive(Debug, Clone)]
pub enum Happening {
    /// The caller speaks until `end_ms`.
    Speech {
        /// End of the voice.
        end_ms: u64,
        /// Words; empty for noise.
        text: String,
        /// Speech end → final, when not the recogniser's usual delay.
        delay_ms: Option<u64>,
        /// The recogniser hears nothing of it.
        lost: bool,
    },
    /// Any input as it is.
    Input(Input),
}

/// An answer of the fake model.
#[derive(Debug, Clone, Default)]
pub struct ModelLine {
    /// Fits when the last message is exactly this; `None` fits always.
    pub when: Option<String>,
    /// Its words.
    pub text: String,
    /// Its tool calls: name and arguments.
    pub calls: Vec<(String, String)>,
    /// First token.
    pub ttft_ms: Option<u64>,
    /// All of it.
    pub duration_ms: Option<u64>,
    /// It fails so, instead.
    pub fails: Option<FailureKind>,
    /// It never answers.
    pub silent: bool,
    /// Used once.
    pub once: bool,
}

/// A fake tool.
#[derive(Debug, Clone)]
pub struct ToolLine {
    /// Its name.
    pub name: String,
    /// How long it takes; `None`: for ever.
    pub takes_ms: Option<u64>,
    /// Its output.
    pub gives: String,
    /// The output is an error.
    pub error: bool,
}

/// What the fake voice makes of a text.
#[derive(Debug, Clone)]
pub struct VoiceLine {
    /// The whole speech.
    pub text: String,
    /// Length of the audio.
    pub audio_ms: u64,
    /// First byte.
    pub ttfb_ms: Option<u64>,
}

/// One answer of the end-of-turn model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnModelLine {
    /// Probability that the turn is complete.
    pub probability: f32,
    /// From question to answer.
    pub after_ms: u64,
    /// Why it did not judge.
    pub skip: Option<TurnSkip>,
}

impl Default for TurnModelLine {
    fn default() -> Self {
        Self { probability: 1.0, after_ms: 100, skip: None }
    }
}

/// How a transfer ends.
#[derive(Debug, Clone)]
pub struct TransferLine {
    /// After this; `None`: never.
    pub after_ms: Option<u64>,
    /// So.
    pub result: TransferResult,
}

/// The fake recogniser.
#[derive(Debug, Clone, Copy)]
pub struct SttFake {
    /// Speech end → final.
    pub delay_ms: u64,
    /// Words while the caller speaks, else one interim (the first two words) halfway to the final.
    pub streams: bool,
    /// Whole utterances: final words when VAD or the dialogue ends one, words so far when asked, nothing else.
    pub whole: bool,
}

/// The fake model.
#[derive(Debug, Clone, Copy)]
pub struct LlmFake {
    /// Request → text.
    pub ttft_ms: u64,
    /// Request → end of stream.
    pub duration_ms: u64,
}

/// The fake voice.
#[derive(Debug, Clone, Copy)]
pub struct TtsFake {
    /// First text → first audio.
    pub ttfb_ms: u64,
    /// Audio is this much longer than computed.
    pub extra_ms: u64,
    /// Word timestamps are sent.
    pub word_times: bool,
    /// It never makes a sound.
    pub silent: bool,
    /// It fails: never, or so many times.
    pub failures: u32,
}

/// A script that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// Line number from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// A script with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            title: String::new(),
            config: Config::default(),
            events: Vec::new(),
            model: Vec::new(),
            tools: Vec::new(),
            voices: Vec::new(),
            transfers: Vec::new(),
            expectations: Vec::new(),
            golden: None,
            stt: SttFake { delay_ms: 200, streams: true, whole: false },
            llm: LlmFake { ttft_ms: 100, duration_ms: 300 },
            tts: TtsFake { ttfb_ms: 200, extra_ms: 0, word_times: false, silent: false, failures: 0 },
            turn_model: VecDeque::new(),
            answer_ms: 0,
            end_ms: 0,
        }
    }
}

impl Timed {
    /// When it is over, in ms.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        match &self.what {
            Happening::Speech { end_ms, delay_ms, text, .. } if !text.is_empty() => {
                end_ms + delay_ms.unwrap_or(0)
            }
            Happening::Speech { end_ms, .. } => *end_ms,
            Happening::Input(_) => self.at_ms,
        }
    }
}
