//! Everything the dialogue can want.

use serde::{Deserialize, Serialize};

use crate::{
    AskId, CallTime, Explain, HistoryItem, Message, SayId, ThinkId, ToolClass, ToolId, TransferId, TurnTrace,
};

/// One wish or announcement of the dialogue. The driver carries wishes out in order, without deciding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Ask the language model.
    Think(ThinkRequest),
    /// The answer is no longer wanted; cancel at the vendor.
    CancelThink {
        /// The request.
        id: ThinkId,
    },
    /// Synthesise and play text; chunks of one `id` arrive in order until `end`. Speeches play one after the
    /// other, in the order of their first chunks; the dialogue holds those whose turn has not come.
    Say(SayChunk),
    /// Hold playout of this speech, synthesis goes on. Before its first audio: do not begin to play.
    Pause {
        /// The speech.
        id: SayId,
    },
    /// Play on (or begin).
    Resume {
        /// The speech.
        id: SayId,
    },
    /// Stop this speech for good: flush its audio, cancel its synthesis, answer with
    /// [`crate::SayEvent::Finished`] and the position reached.
    Hush {
        /// The speech.
        id: SayId,
    },
    /// Run a tool.
    RunTool(ToolRun),
    /// The result is no longer wanted (read tools only; write tools are never cancelled).
    CancelTool {
        /// The call.
        id: ToolId,
    },
    /// Ask the end-of-turn model about the caller's audio up to now.
    AskTurnModel {
        /// Name of the question.
        id: AskId,
        /// Milliseconds since the turn's first sound: what came before belongs to another turn.
        turn_ms: u64,
    },
    /// Ask the recogniser to finalise what it has (Deepgram `Finalize`); vendors without one ignore it.
    FlushStt,
    /// Ask a recogniser of whole utterances for the words so far, while the voice goes on; it answers with
    /// [`crate::Stt::SoFar`], or not at all.
    HearSoFar,
    /// The recogniser is deaf (speech without words): connect anew and replay the kept audio.
    RestartStt,
    /// Press keys towards the other side.
    SendDigits {
        /// Keys `0-9 * # A-D`; `w` waits 0.5 s.
        digits: String,
    },
    /// Hand the caller over.
    Transfer {
        /// Name of the attempt.
        id: TransferId,
        /// E.164 number, `sip:` address, or empty for the number's configured target.
        to: String,
    },
    /// Let the caller leave a message after the agent's last word, then the call ends.
    Voicemail,
    /// Leave the call; the last output.
    Leave(LeaveReason),
    /// Something for a speech-to-speech session.
    Live(LiveCommand),
    /// An item entered the history.
    Committed(HistoryItem),
    /// The agent or the caller changed state (times may lie in the past).
    State(StateChange),
    /// A pause of the agent's speech turned out to be a false alarm.
    FalseInterruption {
        /// The speech went on.
        resumed: bool,
    },
    /// Why something was decided.
    Explain(Explain),
    /// A turn is complete: its anchors, deltas and outcome.
    Turn(TurnTrace),
}

/// A request to the language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThinkRequest {
    /// Name of the request.
    pub id: ThinkId,
    /// System prompt first, then the history.
    pub messages: Vec<Message>,
    /// May the model call tools?
    pub tools: ToolUse,
    /// The turn is not committed yet: the answer may be thrown away. Tool calls in it are kept back by the
    /// dialogue.
    pub speculative: bool,
    /// Skip the first vendor of the chain: it failed this turn.
    pub fallback: bool,
}

/// May the model call tools?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolUse {
    /// As it likes.
    Auto,
    /// Not in this step (the number of steps is used up).
    None,
}

/// A piece of a speech.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SayChunk {
    /// The speech.
    pub id: SayId,
    /// What kind of speech; the same in every chunk of one id.
    pub kind: SayKind,
    /// Clean text, without markup. May be empty when `end` is set.
    pub text: String,
    /// No more chunks follow.
    pub end: bool,
    /// Skip the first vendor of the chain: it failed this turn.
    pub fallback: bool,
}

/// Kinds of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SayKind {
    /// First words of the call.
    Greeting,
    /// Answer to the caller.
    Reply,
    /// Bridges a wait ("one moment").
    Filler,
    /// Something took too long or failed.
    Apology,
    /// "Are you still there?"
    Prompt,
    /// Last words before leaving.
    Goodbye,
    /// Words set by configuration for any other occasion (transfer, drain).
    Notice,
}

/// A tool to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolRun {
    /// Name of this call.
    pub id: ToolId,
    /// Tool.
    pub name: String,
    /// Arguments, a JSON object.
    pub arguments: serde_json::Value,
    /// May it be cancelled?
    pub class: ToolClass,
    /// The same for repetitions of the same write, so that its side effect happens once.
    pub idempotency_key: String,
    /// After this the dialogue goes on without the result.
    pub timeout_ms: u64,
}

/// Why the dialogue leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// The caller hung up.
    CallerLeft,
    /// The agent ended the call (`end_call`).
    AgentEnded,
    /// The caller said nothing for too long.
    Silence,
    /// The call reached its maximum duration.
    MaxDuration,
    /// Somebody else took over.
    Transferred,
    /// The caller leaves a message.
    Voicemail,
    /// The process is to end.
    Drained,
    /// No reply could be given.
    Failed,
    /// The road is gone.
    LineGone,
}

/// A wish to a speech-to-speech session. Its tools results go the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveCommand {
    /// Speak first, or again: create a response, with these words or instructions when given.
    Respond {
        /// Instructions for this response only.
        instructions: Option<String>,
    },
    /// The audio of this item plays as this speech.
    Play {
        /// The vendor's name of the item.
        item: String,
        /// The speech; its `SayEvent`s use this name.
        say: SayId,
    },
    /// Cancel the response in progress.
    Cancel,
    /// The caller heard only so much of the item.
    Truncate {
        /// The item.
        item: String,
        /// Milliseconds played of that item, above 0.
        audio_end_ms: u64,
    },
    /// The caller heard nothing of the item.
    Delete {
        /// The item.
        item: String,
    },
    /// The result of a tool, then create a response.
    ToolOutput {
        /// The vendor's name of the call.
        vendor_id: String,
        /// Text for the model.
        output: String,
    },
    /// Open a new session with this history and close the old one.
    Recycle {
        /// System prompt first, then the history.
        messages: Vec<Message>,
    },
}

/// A change of state, as livekit's `lk.agent.state` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Whose.
    pub who: Who,
    /// To what.
    pub to: State,
    /// Since when: the caller's changes are dated back to the acoustic moment.
    pub since: CallTime,
}

/// Whose state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The caller.
    User,
    /// We.
    Agent,
}

/// States of caller and agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Silent, ready to hear.
    Listening,
    /// Agent: a reply is being made.
    Thinking,
    /// Talking.
    Speaking,
    /// Caller: has said nothing for the silence deadline.
    Away,
}
