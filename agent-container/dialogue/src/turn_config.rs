//! Every parameter of the conversation, with its unit in its name. Two presets: what a telephone wants and
//! what livekit-agents 1.8.9 does (for the comparison with its recorded timelines).

use domain::turn_limits as limits;
use serde::{Deserialize, Serialize};

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
    /// Speech without a word this long after its end means the recogniser is deaf. `None`: never.
    pub deaf_after_ms: Option<u64>,
    /// Shorter speech is no evidence of deafness (coughs).
    pub deaf_min_speech_ms: u64,
    /// Does it send words while the caller speaks? Without that, voice without words is no sign of noise.
    pub streams_words: bool,
}

impl Default for RecogniserConfig {
    fn default() -> Self {
        Self {
            wait_ms: Some(1000),
            flush_after_ms: Some(150),
            deaf_after_ms: Some(2000),
            deaf_min_speech_ms: 1000,
            streams_words: true,
        }
    }
}

/// When the caller may interrupt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interruption {
    /// At all?
    pub enabled: bool,
    /// The caller must speak this long.
    pub min_duration_ms: u64,
    /// The caller must say this many words; 0: the voice is enough.
    pub min_words: u32,
    /// The same during the greeting.
    pub greeting_min_words: u32,
    /// In the first moments of a speech nobody interrupts (echo, leading silence of the voice).
    pub dead_time_ms: u64,
    /// Pause first and go on after a false alarm, where the road can pause.
    pub resume: bool,
    /// Silence after which a pause without words was a false alarm.
    pub false_timeout_ms: u64,
    /// Words that only say "I am listening" while the agent speaks: they do not interrupt and are not a turn.
    pub backchannel: Vec<String>,
    /// Words that did not interrupt still are a turn when the agent finishes this soon after them ("yes" on
    /// the last syllable of a question).
    pub boundary_ms: u64,
    /// While the agent speaks, this many words in a row of its own are its echo; 0: never.
    pub echo_words: u32,
    /// After this many false alarms in a row voice alone no longer pauses the agent: a word is wanted (only
    /// with a recogniser that streams words); 0: never.
    pub words_after_false_alarms: u32,
    /// What happens to words that did not interrupt once the agent has finished undisturbed.
    pub unaccepted: Unaccepted,
}

impl Default for Interruption {
    fn default() -> Self {
        let words = [
            "uh-huh", "uh huh", "mhm", "mm-hmm", "mm", "hmm", "okay", "ok", "yeah", "yes", "yep", "right",
            "sure", "i see", "got it", "aha", "ah", "oh",
        ];
        Self {
            enabled: true,
            min_duration_ms: 400,
            min_words: 0,
            greeting_min_words: 2,
            dead_time_ms: 300,
            resume: true,
            false_timeout_ms: 1500,
            backchannel: words.map(str::to_owned).to_vec(),
            boundary_ms: 1000,
            echo_words: 3,
            words_after_false_alarms: 2,
            unaccepted: Unaccepted::Drop,
        }
    }
}

/// Words that did not interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unaccepted {
    /// Are forgotten when the agent has finished.
    Drop,
    /// Stand before the caller's next words (livekit).
    Keep,
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
