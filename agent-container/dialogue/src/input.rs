//! Everything that can reach the dialogue.

use serde::{Deserialize, Serialize};

use crate::{AskId, SayId, ThinkId, ToolId, TransferId};

/// One fact for the dialogue, in the order the call loop saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The caller can hear us from now on.
    Answered,
    /// A deadline came (or the loop woke for any other reason): due timers are run. Every other input
    /// runs them too, before itself.
    Wake,
    /// The voice activity detector changed its mind.
    Vad(Vad),
    /// From the recogniser.
    Stt(Stt),
    /// From the language model, for the request `id`.
    Think {
        /// The request.
        id: ThinkId,
        /// What came.
        event: ThinkEvent,
    },
    /// From synthesis and playout, for the speech `id`.
    Say {
        /// The speech.
        id: SayId,
        /// What happened.
        event: SayEvent,
    },
    /// A tool ended.
    Tool {
        /// The call.
        id: ToolId,
        /// How it ended.
        result: ToolResult,
    },
    /// The caller pressed a key: one of `0-9 * # A-D`, once per press, in media order.
    Digit(char),
    /// The end-of-turn model answered.
    TurnModel {
        /// The question.
        id: AskId,
        /// What it says.
        answer: TurnAnswer,
    },
    /// A transfer ended.
    Transfer {
        /// The attempt.
        id: TransferId,
        /// How it ended.
        result: TransferResult,
    },
    /// From a speech-to-speech session.
    Live(LiveEvent),
    /// The road changed.
    Line(LineChange),
    /// The process is to end: finish politely within `within_ms`.
    Drain {
        /// Milliseconds from now in which the call must be over.
        within_ms: u64,
    },
}

/// What the end-of-turn model says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnAnswer {
    /// It was evaluated.
    Judged {
        /// Probability that the turn is complete, 0 to 1.
        probability: f32,
        /// What the evaluation took on its core, in milliseconds.
        cost_ms: u64,
    },
    /// It was not: silence decides.
    Skipped(TurnSkip),
}

/// Why the end-of-turn model was not evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnSkip {
    /// There is none.
    Absent,
    /// Too many evaluations wait already.
    Busy,
    /// All evaluations together have used up their share of a core.
    OverBudget,
    /// Its turn came when nobody waited for the answer any more.
    Late,
    /// It failed.
    Failed,
}

impl TurnSkip {
    /// The rule of the explain entry.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Absent => "turn_model_absent",
            Self::Busy => "turn_model_busy",
            Self::OverBudget => "turn_model_over_budget",
            Self::Late => "turn_model_late",
            Self::Failed => "turn_model_failed",
        }
    }
}

/// Edges of the voice activity detector. Between `Started` and `Ended` the detector holds the caller to be
/// speaking; `Hushed` and `Resumed` tell of the silences inside, which are shorter than its `min_silence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vad {
    /// Speech began `speech_ms` ago (at least the detector's `min_speech`).
    Started {
        /// Speech so far in milliseconds.
        speech_ms: u64,
    },
    /// Still inside the speech, but silent for `silence_ms` (report once per silence, at 60 to 200 ms).
    /// A detector that cannot tell may leave out `Hushed` and `Resumed`.
    Hushed {
        /// Silence so far in milliseconds.
        silence_ms: u64,
    },
    /// Speech went on after a `Hushed`, `speech_ms` ago.
    Resumed {
        /// Speech since then in milliseconds.
        speech_ms: u64,
    },
    /// Speech is over; it ended `silence_ms` ago.
    Ended {
        /// Silence so far in milliseconds.
        silence_ms: u64,
    },
}

/// What recognisers say, whatever the vendor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stt {
    /// Words that may still change; replaces the interim before.
    Interim {
        /// All words since the last final.
        text: String,
    },
    /// A recogniser of whole utterances, asked by [`crate::Output::HearSoFar`]: its words for the utterance that goes on.
    /// They may still change. No more of them than the last time: the voice says nothing.
    SoFar {
        /// All words since the last final; empty when there are none.
        text: String,
    },
    /// Words that will not change any more; appended to the turn. Empty text is ignored.
    Final {
        /// The words since the last final.
        text: String,
        /// The recogniser's own opinion that speech has ended (Deepgram `speech_final`).
        #[serde(default)]
        speech_final: bool,
    },
    /// The recogniser believes the turn may be over (Flux `EagerEndOfTurn`): a preflight.
    EagerEnd {
        /// All words of the turn so far.
        text: String,
    },
    /// The eager end was wrong (Flux `TurnResumed`).
    Resumed,
    /// The recogniser says the turn is over (Flux `EndOfTurn`, Deepgram `UtteranceEnd`).
    EndOfTurn {
        /// All words of the turn, replacing what was heard of it so far; `None` when only the moment is known.
        text: Option<String>,
    },
    /// The connection failed; audio is kept and replayed by the driver.
    Failed(Failure),
    /// Hearing again after a failure.
    Restored,
}

/// What a language model says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkEvent {
    /// Text, to be appended.
    Delta(String),
    /// A complete tool call.
    ToolCall {
        /// The vendor's name of the call (`call_…`, `toolu_…`).
        vendor_id: String,
        /// Tool.
        name: String,
        /// JSON, as the model wrote it.
        arguments: String,
    },
    /// The answer is complete.
    Done(Usage),
    /// The request failed, after the driver's own fallback chain.
    Failed(Failure),
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Prompt tokens read from the vendor's cache.
    pub cached_tokens: u32,
    /// Completion tokens.
    pub output_tokens: u32,
}

/// What becomes of a speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SayEvent {
    /// The first byte of audio came from the vendor.
    FirstByte,
    /// When words are spoken, from the vendor's timestamps; appended.
    Words(Vec<WordTime>),
    /// All audio of the text so far is there: its length. Lets the dialogue place every word.
    Synthesised {
        /// Audio of the whole speech so far, in milliseconds.
        duration_ms: u64,
    },
    /// The first sample that is not silence was sent to the caller.
    Started,
    /// Played so far. Optional; a beat of about a second keeps the watchdog quiet.
    Progress {
        /// Position in the speech in milliseconds.
        position_ms: u64,
    },
    /// Playout is over: all of it, or up to here after a `Hush`. Sent exactly once for each speech, also
    /// when nothing was played (position 0).
    Finished {
        /// Position reached in milliseconds, pauses not counted.
        position_ms: u64,
    },
    /// No more audio will come, after the driver's own fallback chain. `Finished` still follows.
    SynthesisFailed(Failure),
}

/// A word and when it is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordTime {
    /// The word as in the text, punctuation included.
    pub text: String,
    /// Milliseconds from the start of the speech.
    pub start_ms: u64,
    /// Milliseconds from the start of the speech.
    pub end_ms: u64,
}

/// How a tool ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolResult {
    /// What the model is told.
    Ok(String),
    /// What the model is told went wrong.
    Error(String),
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferResult {
    /// The other side took over.
    Done,
    /// It did not work and the caller is still with us.
    Failed {
        /// SIP status where there was one.
        sip_status: Option<u16>,
    },
}

/// What a speech-to-speech session says (OpenAI Realtime and its like).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveEvent {
    /// The session can be used.
    Ready,
    /// The session's own VAD heard the caller begin.
    SpeechStarted,
    /// The session's own VAD heard the caller end.
    SpeechStopped,
    /// The caller's words.
    Heard {
        /// Transcript of one utterance.
        text: String,
    },
    /// A new answer's first audio: give it a speech (the dialogue answers with `LiveCommand::Play`).
    ItemStarted {
        /// The vendor's name of the item.
        item: String,
    },
    /// Words of the agent's audio.
    Text {
        /// The item.
        item: String,
        /// To be appended.
        delta: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// The vendor's name of the call.
        vendor_id: String,
        /// Tool.
        name: String,
        /// JSON, as the model wrote it.
        arguments: String,
    },
    /// The answer is complete (its audio may still be playing).
    ResponseDone(Usage),
    /// The session will end soon: recycle it at an idle point.
    Expiring,
    /// The session is gone.
    Closed(Failure),
}

/// Changes of the road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineChange {
    /// The caller hung up.
    CallerLeft,
    /// The media connection is lost and being made again.
    Lost,
    /// The media connection is back.
    Restored,
    /// The connection could not be made again, or somebody removed us.
    Gone,
}

/// What went wrong with a vendor, as far as the dialogue must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Kind of trouble.
    pub kind: FailureKind,
    /// For the journal; never spoken, never shown to the caller.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// Kinds of trouble with a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No answer within the deadline.
    Timeout,
    /// Connection refused, reset or closed.
    Disconnected,
    /// Too many requests.
    RateLimited,
    /// The vendor refuses the request (key, model, parameters): trying again does not help.
    Refused,
    /// The vendor's message could not be understood.
    BadAnswer,
    /// The session reached its maximum age.
    Expired,
}
