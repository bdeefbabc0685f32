//! A journal as a `.call` script in which nobody's words, numbers or keys are left.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dialogue::{
    Config, FailureKind, Input, JournalLine, LiveCommand, LiveEvent, Message, Output, Rescue, SayEvent, Stt,
    ThinkEvent, ToolClass, ToolResult, TransferResult, TurnAnswer,
};

use crate::journal::config;
use crate::masker::Masker;
use crate::targets::{NUMBER, Targets};

/// Makes the script.
///
/// Words become made-up ones of the same shape, digits become `0`, prompts and tool arguments disappear.
/// What decides stays: punctuation, backchannels, words that end no sentence, which words are the same ones,
/// and whether a tool reads or writes. The script feeds the recorded inputs of caller, recogniser and road;
/// model, voice and tools are given as the fakes that would have behaved the same.
///
/// # Errors
///
/// The journal has no header that can be read.
pub fn script(journal: &[JournalLine]) -> Result<String, String> {
    let config = config(journal)?;
    let mut maker = Maker {
        out: String::new(),
        masker: Masker::new(&config),
        targets: Targets::new(&config),
        thinks: BTreeMap::new(),
        says: BTreeMap::new(),
        runs: BTreeMap::new(),
        transfers: BTreeMap::new(),
        asked: BTreeMap::new(),
    };
    maker.head(&config, journal);
    journal.iter().for_each(|line| maker.line(line));
    maker.tail(&config, journal);
    Ok(maker.out)
}

#[derive(Debug)]
struct Maker {
    out: String,
    masker: Masker,
    targets: Targets,
    thinks: BTreeMap<u32, Thinking>,
    /// What was said, masked.
    says: BTreeMap<u32, String>,
    runs: BTreeMap<u32, Run>,
    transfers: BTreeMap<u32, u64>,
    asked: BTreeMap<u32, u64>,
}

#[derive(Debug, Default)]
struct Thinking {
    asked: u64,
    ttft: Option<u64>,
    duration: u64,
    text: String,
    calls: Vec<String>,
    failed: Option<FailureKind>,
}

#[derive(Debug)]
struct Run {
    name: String,
    asked: u64,
    took: Option<u64>,
    failed: bool,
}

impl Maker {
    fn head(&mut self, config: &Config, journal: &[JournalLine]) {
        self.out.push_str("title redacted call\nstt streams=off\n");
        let _ = writeln!(self.out, "tts ttfb={}", secs(first_byte_ms(journal)));
        if !config.greeting.is_empty() {
            let greeting = quoted(&self.masker.text(&config.greeting));
            let _ = writeln!(self.out, "greeting {greeting}");
        }
        let mut phrases = serde_json::to_value(&config.phrases).unwrap_or_default();
        self.masker.json(&mut phrases);
        let rescue = match &config.rescue {
            Rescue::Transfer { .. } => Rescue::Transfer { to: NUMBER.to_owned() },
            other => other.clone(),
        };
        for (path, value) in [
            ("turns", serde_json::to_string(&config.turns)),
            ("road", serde_json::to_string(&config.road)),
            ("mind", serde_json::to_string(&config.mind)),
            ("rescue", serde_json::to_string(&rescue)),
            ("transfer_targets", serde_json::to_string(&self.targets.made_up())),
            ("phrases", serde_json::to_string(&phrases)),
            ("greeting_interruptible", serde_json::to_string(&config.greeting_interruptible)),
        ] {
            let _ = writeln!(self.out, "set {path} {}", value.unwrap_or_default());
        }
    }

    fn line(&mut self, line: &JournalLine) {
        match line {
            JournalLine::Header(_) => {}
            JournalLine::In { at, input } => self.input(at.as_ms(), input),
            JournalLine::Out { at, output } => self.output(at.as_ms(), output),
        }
    }

    fn input(&mut self, at: u64, input: &Input) {
        match input {
            Input::Answered => {
                let _ = writeln!(self.out, "answer {}", secs(at));
            }
            Input::Think { id, event } => self.thought(at, id.0, event),
            Input::Tool { id, result } => {
                if let Some(run) = self.runs.get_mut(&id.0) {
                    run.took = Some(at - run.asked);
                    run.failed = matches!(result, ToolResult::Error(_));
                }
            }
            Input::Say { id, event: SayEvent::Synthesised { duration_ms } } => {
                if let Some(text) = self.says.get(&id.0) {
                    let _ = writeln!(self.out, "voice {} audio={}", quoted(text), secs(*duration_ms));
                }
            }
            Input::Transfer { id, result } => self.transferred(at, id.0, result),
            Input::TurnModel { id, answer } => self.judged(at, id.0, *answer),
            Input::Wake | Input::Say { .. } => {}
            other => {
                let json = serde_json::to_string(&self.masked(other)).unwrap_or_default();
                let _ = writeln!(self.out, "{} input {}", secs(at), quoted(&json));
            }
        }
    }

    fn judged(&mut self, at: u64, id: u32, answer: TurnAnswer) {
        let delay = secs(at - self.asked.remove(&id).unwrap_or(at));
        let said = match answer {
            TurnAnswer::Judged { probability, .. } => format!("p={probability}"),
            TurnAnswer::Skipped(why) => {
                let why = serde_json::to_value(why).unwrap_or_default();
                format!("skip={}", why.as_str().unwrap_or_default())
            }
        };
        let _ = writeln!(self.out, "turn_model {said} delay={delay}");
    }

    fn thought(&mut self, at: u64, id: u32, event: &ThinkEvent) {
        let Some(thinking) = self.thinks.get_mut(&id) else { return };
        let since = at - thinking.asked;
        thinking.ttft.get_or_insert(since);
        thinking.duration = since;
        match event {
            ThinkEvent::Delta(text) => thinking.text.push_str(text),
            ThinkEvent::ToolCall { name, arguments, .. } => {
                thinking.calls.push(call(name, arguments, &self.targets))
            }
            ThinkEvent::Failed(failure) => thinking.failed = Some(failure.kind),
            ThinkEvent::Done(_) => {}
        }
    }

    fn output(&mut self, at: u64, output: &Output) {
        match output {
            Output::Think(request) => {
                self.thinks.insert(request.id.0, Thinking { asked: at, ..Thinking::default() });
            }
            Output::Say(chunk) => {
                let masked = self.masker.text(&chunk.text);
                let text = self.says.entry(chunk.id.0).or_default();
                if !text.is_empty() && !masked.is_empty() {
                    text.push(' ');
                }
                text.push_str(&masked);
            }
            Output::Live(LiveCommand::Play { item, say }) => {
                self.says.insert(say.0, item.clone());
            }
            Output::Transfer { id, .. } => {
                self.transfers.insert(id.0, at);
            }
            Output::AskTurnModel { id, .. } => {
                self.asked.insert(id.0, at);
            }
            Output::RunTool(run) => {
                let name = run.name.clone();
                self.runs.insert(run.id.0, Run { name, asked: at, took: None, failed: false });
            }
            _ => {}
        }
    }

    fn transferred(&mut self, at: u64, id: u32, result: &TransferResult) {
        let after = secs(at - self.transfers.remove(&id).unwrap_or(at));
        let _ = match result {
            TransferResult::Done => writeln!(self.out, "transfer done after={after}"),
            TransferResult::Failed { sip_status: None } => {
                writeln!(self.out, "transfer failed after={after}")
            }
            TransferResult::Failed { sip_status: Some(status) } => {
                writeln!(self.out, "transfer failed after={after} status={status}")
            }
        };
    }

    fn tail(&mut self, config: &Config, journal: &[JournalLine]) {
        self.transfers.values().for_each(|_| self.out.push_str("transfer never\n"));
        self.tools(config);
        for thinking in std::mem::take(&mut self.thinks).into_values() {
            let line = self.model(&thinking);
            let _ = writeln!(self.out, "{line}");
        }
        let turns = journal.iter().filter(|l| is_user_item(l)).count();
        let _ = writeln!(self.out, "count {turns} \"item:user:*\"");
    }

    /// Every tool, with a line for each of its runs.
    fn tools(&mut self, config: &Config) {
        for tool in &config.tools {
            let class = match tool.class {
                _ if dialogue::builtin::NAMES.contains(&tool.name.as_str()) => "builtin",
                ToolClass::Read => "read",
                ToolClass::Write => "write",
            };
            let head = format!("tool {} {class} timeout={}", tool.name, secs(tool.timeout_ms));
            let mut lines: Vec<String> =
                self.runs.values().filter(|r| r.name == tool.name).map(ran).collect();
            if lines.is_empty() {
                lines.push("gives=ok".to_owned());
            }
            lines.iter().for_each(|line| {
                let _ = writeln!(self.out, "{head} {line}");
            });
        }
    }

    fn model(&mut self, thinking: &Thinking) -> String {
        let mut line = format!("model {} once=on", quoted(&self.masker.text(&thinking.text)));
        match thinking.ttft {
            None => line.push_str(" silent=on"),
            Some(ttft) => {
                let _ = write!(line, " ttft={} duration={}", secs(ttft), secs(thinking.duration));
            }
        }
        if let Some(kind) = thinking.failed {
            let kind = serde_json::to_value(kind).unwrap_or_default();
            let _ = write!(line, " fails={}", kind.as_str().unwrap_or("timeout"));
        }
        for call in &thinking.calls {
            let _ = write!(line, " call={}", quoted(call));
        }
        line
    }

    fn masked(&mut self, input: &Input) -> Input {
        match input {
            Input::Stt(stt) => Input::Stt(self.masked_stt(stt)),
            Input::Live(event) => Input::Live(self.masked_live(event)),
            Input::Digit(key) => Input::Digit(if key.is_ascii_digit() { '0' } else { *key }),
            other => other.clone(),
        }
    }

    fn masked_stt(&mut self, stt: &Stt) -> Stt {
        let masker = &mut self.masker;
        match stt {
            Stt::Interim { text } => Stt::Interim { text: masker.text(text) },
            Stt::SoFar { text } => Stt::SoFar { text: masker.text(text) },
            Stt::Final { text, speech_final } => {
                Stt::Final { text: masker.text(text), speech_final: *speech_final }
            }
            Stt::EagerEnd { text } => Stt::EagerEnd { text: masker.text(text) },
            Stt::EndOfTurn { text } => Stt::EndOfTurn { text: text.as_deref().map(|text| masker.text(text)) },
            Stt::Failed(failure) => Stt::Failed(dialogue::Failure::new(failure.kind, "")),
            Stt::Resumed | Stt::Restored => stt.clone(),
        }
    }

    fn masked_live(&mut self, event: &LiveEvent) -> LiveEvent {
        match event.clone() {
            LiveEvent::Heard { text } => LiveEvent::Heard { text: self.masker.text(&text) },
            LiveEvent::Text { item, delta } => LiveEvent::Text { item, delta: self.masker.text(&delta) },
            LiveEvent::ToolCall { vendor_id, name, arguments } => {
                LiveEvent::ToolCall { vendor_id, arguments: kept(&name, &arguments, &self.targets), name }
            }
            LiveEvent::Closed(failure) => LiveEvent::Closed(dialogue::Failure::new(failure.kind, "")),
            other => other,
        }
    }
}

/// How a run of a tool went.
fn ran(run: &Run) -> String {
    let takes = run.took.map_or("forever".to_owned(), secs);
    format!("takes={takes} {}", if run.failed { "fails=failed" } else { "gives=ok" })
}

/// A tool call with as much of its arguments as decides.
fn call(name: &str, arguments: &str, targets: &Targets) -> String {
    format!("{name} {}", kept(name, arguments, targets))
}

/// Of the tools the dialogue carries out itself: to which of the configured targets, how many keys, secret or
/// not. Nothing of the others, whose arguments are the caller's business.
fn kept(name: &str, arguments: &str, targets: &Targets) -> String {
    let decides = |field: &str| match name {
        dialogue::builtin::TRANSFER_CALL => field == "to",
        dialogue::builtin::COLLECT_DIGITS => matches!(field, "count" | "secret"),
        _ => false,
    };
    let fields: serde_json::Map<_, _> = serde_json::from_str(arguments).unwrap_or_default();
    let mut kept: serde_json::Map<_, _> = fields.into_iter().filter(|(field, _)| decides(field)).collect();
    if let Some(to) = kept.get_mut("to") {
        *to = targets.asked(to.as_str().unwrap_or_default()).into();
    }
    serde_json::Value::Object(kept).to_string()
}

/// The usual time from a text to its first byte of audio (the median).
fn first_byte_ms(journal: &[JournalLine]) -> u64 {
    let mut asked = BTreeMap::new();
    let mut took = Vec::new();
    for line in journal {
        match line {
            JournalLine::Out { at, output: Output::Say(chunk) } => {
                asked.entry(chunk.id).or_insert(at.as_ms());
            }
            JournalLine::In { at, input: Input::Say { id, event: SayEvent::FirstByte } } => {
                took.extend(asked.get(id).map(|asked| at.as_ms() - asked));
            }
            _ => {}
        }
    }
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or(200)
}

fn is_user_item(line: &JournalLine) -> bool {
    matches!(line, JournalLine::Out { output: Output::Committed(i), .. } if matches!(i.message, Message::User { .. }))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "))
}

fn secs(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
