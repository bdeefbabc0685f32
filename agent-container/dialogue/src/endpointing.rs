//! Parameters of the end of a turn: silence, text, the recogniser, the end-of-turn model.

use domain::turn_limits as limits;
use serde::{Deserialize, Serialize};

/// When a turn is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpointing {
    /// Who says that speech has ended.
    pub end_by: EndBy,
    /// Is `min_delay_ms` fixed or learnt from the caller's pauses?
    pub mode: EndpointingMode,
    /// From the caller's last sound to the commit.
    pub min_delay_ms: u64,
    /// The same when the turn seems unfinished.
    pub max_delay_ms: u64,
    /// Weight of the past in the learnt delay, 0 to below 1 (livekit: 0.9).
    pub alpha: f64,
    /// Rules on the text; `None`: silence only.
    pub text_rules: Option<TextRules>,
    /// In noise: a turn that VAD keeps open ends when the recogniser has said that speech is over and brought
    /// no new word for this long; `None`: never.
    pub stt_end_ms: Option<u64>,
    /// In noise: a turn that VAD keeps open ends when its words are final and no new word came for this long;
    /// `None`: never.
    pub no_new_words_ms: Option<u64>,
}

impl Default for Endpointing {
    fn default() -> Self {
        Self {
            end_by: EndBy::Vad,
            mode: EndpointingMode::Fixed,
            min_delay_ms: limits::DEFAULT_ENDPOINTING_MIN_DELAY_MS.into(),
            max_delay_ms: 2500,
            alpha: 0.9,
            text_rules: Some(TextRules::default()),
            stt_end_ms: Some(800),
            no_new_words_ms: Some(1500),
        }
    }
}

/// Who says that speech has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndBy {
    /// Voice activity.
    Vad,
    /// The recogniser's own end of turn (Flux); VAD remains the fallback after `max_delay_ms`.
    Stt,
}

/// Is the delay fixed or learnt?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointingMode {
    /// Always `min_delay_ms`.
    Fixed,
    /// Moving average of the caller's pauses inside turns, between `min_delay_ms` and `max_delay_ms`.
    Dynamic,
}

/// Delays by what the caller's words look like; each replaces `min_delay_ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextRules {
    /// The text ends with `.`, `!` or `?`.
    pub punctuated_ms: u64,
    /// The text ends in a number: people read numbers in groups.
    pub number_ms: u64,
    /// The text ends with a comma, or a word that wants another one ("and", "my", "is", "uh").
    pub unfinished_ms: u64,
}

impl Default for TextRules {
    fn default() -> Self {
        Self { punctuated_ms: 500, number_ms: 1000, unfinished_ms: 1500 }
    }
}

/// The end-of-turn model (runs elsewhere; the dialogue only asks, once a silence).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnModelConfig {
    /// Which one is asked.
    pub kind: TurnModelKind,
    /// Probability, 0 to 1, below which the turn counts as unfinished.
    pub threshold: f32,
    /// From the question; after this silence decides. The default leaves the text rules their time: the question
    /// comes with the end of speech, 250 ms after the last sound, and the shortest rule waits 500 ms.
    pub timeout_ms: u64,
    /// Delay from the last sound to the commit when the model says complete.
    pub complete_delay_ms: u64,
}

/// End-of-turn models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnModelKind {
    /// None: text and silence decide.
    #[default]
    None,
    /// Smart Turn v3.2, by the sound of the voice.
    SmartTurn,
}

impl TurnModelConfig {
    /// Is there one to ask?
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.kind != TurnModelKind::None
    }
}

impl Default for TurnModelConfig {
    fn default() -> Self {
        Self { kind: TurnModelKind::None, threshold: 0.5, timeout_ms: 240, complete_delay_ms: 400 }
    }
}

/// What to expect from the recogniser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecogniserConfig {
    /// 99th percentile of speech end → final: after it the turn is committed with the interim words.
    /// `None`: wait for the final.
    pub wait_ms: Option<u64>,
    /// Silence after which a recogniser that streams is asked for what it has, so that the words are there before the
    /// turn is over (Deepgram: its own end of speech comes after 300 ms). `None`: only when VAD says that speech ended.
    pub flush_after_ms: Option<u64>,
    /// In noise, for a recogniser that hears whole utterances only: voice of this length is no longer waited for but
    /// asked about, and asked again after half as long (a third of the utterance, when that is longer), until an answer
    /// has no new words. `None`: never.
    pub so_far_after_ms: Option<u64>,
    /// Speech without a word this long after its end means the recogniser is deaf. `None`: never.
    pub deaf_after_ms: Option<u64>,
    /// Shorter speech is no evidence of deafness (coughs).
    pub deaf_min_speech_ms: u64,
    /// Does it send words while the caller speaks? Without that, voice without words is no sign of noise.
    pub streams_words: bool,
}

impl RecogniserConfig {
    /// For a recogniser that gets whole utterances (Whisper): no word before its end, and more time for them (pipecat's
    /// P99 of OpenAI and Groq: 1.5 and 2 s).
    pub fn hear_whole_utterances(&mut self) {
        self.streams_words = false;
        self.wait_ms = self.wait_ms.map(|ms| ms.max(2500));
    }
}

impl Default for RecogniserConfig {
    fn default() -> Self {
        Self {
            wait_ms: Some(1000),
            flush_after_ms: Some(150),
            so_far_after_ms: Some(3000),
            deaf_after_ms: Some(2000),
            deaf_min_speech_ms: 1000,
            streams_words: true,
        }
    }
}
