//! What happened, in the notation of the recorded timelines.

use std::collections::HashMap;
use std::fmt;

use dialogue::{
    CallTime, Decision, HistoryItem, Input, JournalLine, LeaveReason, LiveCommand, Message, Output, SayEvent,
    SayId, SayKind, State, Stt, Who,
};

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When; the caller's state is dated back to the acoustic moment.
    pub at: CallTime,
    /// What, for example `agent:speaking`.
    pub text: String,
    /// Part of the recorded timelines' vocabulary.
    pub golden: bool,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.at.as_ms();
        write!(f, "{:>3}.{:03}  {}", ms / 1000, ms % 1000, self.text)
    }
}

/// Folds journal lines into a timeline.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Events in the order of arrival.
    pub events: Vec<Event>,
    explained: bool,
    hushed: Vec<SayId>,
    kinds: HashMap<SayId, SayKind>,
}

impl Timeline {
    /// An empty one; `explained`: with a line for every decision.
    #[must_use]
    pub fn new(explained: bool) -> Self {
        Self { explained, ..Self::default() }
    }

    /// Takes the next journal line.
    pub fn line(&mut self, line: &JournalLine) {
        match line {
            JournalLine::Header(_) => {}
            JournalLine::In { at, input } => self.input(*at, input),
            JournalLine::Out { at, output } => self.output(*at, output),
        }
    }

    fn add(&mut self, at: CallTime, golden: bool, text: String) {
        self.events.push(Event { at, text, golden });
    }

    fn input(&mut self, at: CallTime, input: &Input) {
        match input {
            Input::Stt(Stt::Interim { text }) => self.add(at, true, format!("stti:{text}")),
            Input::Stt(Stt::SoFar { text }) => self.add(at, false, format!("stts:{text}")),
            Input::Stt(Stt::Final { text, .. }) => self.add(at, true, format!("sttF:{text}")),
            Input::Say { id, event: SayEvent::Finished { position_ms } } => {
                let int = if self.hushed.contains(id) { "True" } else { "False" };
                let cs = (position_ms + 5) / 10;
                self.add(at, true, format!("playout_done pos={}.{:02} int={int}", cs / 100, cs % 100));
            }
            Input::Say { id, event: SayEvent::Started } => {
                let kind = self.kinds.get(id).map_or("live", |k| say_kind(*k));
                self.add(at, false, format!("audio:{kind}"));
            }
            Input::Digit(_) => self.add(at, false, "key".to_owned()),
            _ => {}
        }
    }

    fn output(&mut self, at: CallTime, output: &Output) {
        match output {
            Output::State(change) => {
                let who = if change.who == Who::User { "user" } else { "agent" };
                self.add(change.since, true, format!("{who}:{}", state(change.to)));
            }
            Output::Explain(e) => {
                if e.decision == Decision::TurnCommitted {
                    let delay =
                        |name| e.numbers.get(name).map_or("-".to_owned(), |ms| format!("{:.2}", ms / 1000.0));
                    let text = format!("eou:{}/{}", delay("end_of_turn_ms"), delay("transcription_ms"));
                    self.add(at, true, text);
                }
                if self.explained {
                    let numbers: Vec<_> = e.numbers.iter().map(|(k, v)| format!("{k}={v}")).collect();
                    let decision = serde_json::to_string(&e.decision).unwrap_or_default();
                    let text = format!("  . {} {} {}", decision.trim_matches('"'), e.rule, numbers.join(" "));
                    self.add(at, false, text.trim_end().to_owned());
                }
            }
            Output::Committed(item) => self.item(at, item),
            Output::FalseInterruption { resumed } => {
                let resumed = if *resumed { "True" } else { "False" };
                self.add(at, true, format!("false_interruption resumed={resumed}"));
            }
            Output::Hush { id } => self.hushed.push(*id),
            Output::Say(chunk) => {
                self.kinds.insert(chunk.id, chunk.kind);
                if !chunk.text.is_empty() {
                    self.add(at, false, format!("say:{}:{}", say_kind(chunk.kind), chunk.text));
                }
            }
            other => {
                if let Some(text) = wish(other) {
                    self.add(at, false, text);
                }
            }
        }
    }

    fn item(&mut self, at: CallTime, item: &HistoryItem) {
        let text = match &item.message {
            Message::User { text } => format!("item:user:{text}"),
            Message::Assistant { text } if item.interrupted => format!("item:assistant(int):{text}"),
            Message::Assistant { text } => format!("item:assistant:{text}"),
            Message::ToolOutput { name, output, .. } => {
                self.add(at, false, format!("output:{name}:{output}"));
                format!("tools:{name}")
            }
            Message::ToolCalls { .. } | Message::System { .. } => return,
        };
        self.add(at, true, text);
    }
}

/// Wishes beyond the recorded vocabulary.
fn wish(output: &Output) -> Option<String> {
    Some(match output {
        Output::Think(r) => {
            let speculative = if r.speculative { " speculative" } else { "" };
            let fallback = if r.fallback { " fallback" } else { "" };
            format!("think{speculative}{fallback}")
        }
        Output::CancelThink { .. } => "cancel_think".to_owned(),
        Output::RunTool(run) => format!("run:{}", run.name),
        Output::CancelTool { .. } => "cancel_tool".to_owned(),
        Output::AskTurnModel { .. } => "ask_turn_model".to_owned(),
        Output::FlushStt => "flush_stt".to_owned(),
        Output::HearSoFar => "hear_so_far".to_owned(),
        Output::RestartStt => "restart_stt".to_owned(),
        Output::SendDigits { digits } => format!("send_digits:{digits}"),
        Output::Transfer { to, .. } => format!("transfer:{to}"),
        Output::Voicemail => "voicemail".to_owned(),
        Output::Leave(reason) => format!("leave:{}", leave_reason(*reason)),
        Output::Live(command) => format!("live:{}", live(command)),
        Output::Turn(trace) => {
            let outcome = serde_json::to_string(&trace.outcome).unwrap_or_default();
            let e2e = trace.deltas.e2e_ms.map_or("-".to_owned(), |ms| ms.to_string());
            format!("turn:{} e2e_ms={e2e}", outcome.trim_matches('"'))
        }
        _ => return None,
    })
}

fn live(command: &LiveCommand) -> String {
    match command {
        LiveCommand::Respond { .. } => "respond".to_owned(),
        LiveCommand::Play { item, .. } => format!("play:{item}"),
        LiveCommand::Cancel => "cancel".to_owned(),
        LiveCommand::Truncate { item, audio_end_ms } => format!("truncate:{item}:{audio_end_ms}"),
        LiveCommand::Delete { item } => format!("delete:{item}"),
        LiveCommand::ToolOutput { output, .. } => format!("tool_output:{output}"),
        LiveCommand::Recycle { .. } => "recycle".to_owned(),
    }
}

fn say_kind(kind: SayKind) -> &'static str {
    match kind {
        SayKind::Greeting => "greeting",
        SayKind::Reply => "reply",
        SayKind::Filler => "filler",
        SayKind::Apology => "apology",
        SayKind::Prompt => "prompt",
        SayKind::Goodbye => "goodbye",
        SayKind::Notice => "notice",
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Listening => "listening",
        State::Thinking => "thinking",
        State::Speaking => "speaking",
        State::Away => "away",
    }
}

fn leave_reason(reason: LeaveReason) -> String {
    serde_json::to_string(&reason).unwrap_or_default().trim_matches('"').to_owned()
}

/// The history in one line, as the recorded timelines end: `user=… | assistant*=… | function_call`.
#[must_use]
pub fn history_line(history: &[HistoryItem]) -> String {
    let item = |item: &HistoryItem| match &item.message {
        Message::User { text } => format!("user={text}"),
        Message::Assistant { text } => format!("assistant{}={text}", if item.interrupted { "*" } else { "" }),
        Message::ToolCalls { .. } => "function_call".to_owned(),
        Message::ToolOutput { .. } => "function_call_output".to_owned(),
        Message::System { .. } => "system".to_owned(),
    };
    history.iter().map(item).collect::<Vec<_>>().join(" | ")
}
