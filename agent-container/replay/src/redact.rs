//! A journal as a `.call` script in which nobody's words, numbers or keys are left.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dialogue::{
    Config, Input, JournalLine, Message, Output, SayEvent, Stt, ThinkEvent, ToolResult, TurnAnswer, Vad,
};

use crate::journal::config;

/// Makes the script.
///
/// Words become words of the same length and punctuation made of `x` (so that endpointing by text and heard
/// words stay comparable), digits become `0`, prompts and tool arguments disappear. The script feeds the
/// recorded inputs of caller, recogniser and road; model, voice and tools are given as the fakes that would
/// have behaved the same.
///
/// # Errors
///
/// The journal has no header that can be read.
pub fn script(journal: &[JournalLine]) -> Result<String, String> {
    let mut maker = Maker { out: String::new(), ..Maker::default() };
    let config = config(journal)?;
    maker.head(&config);
    journal.iter().for_each(|line| maker.line(line));
    maker.tail(journal);
    Ok(maker.out)
}

#[derive(Debug, Default)]
struct Maker {
    out: String,
    thinks: BTreeMap<u32, Thinking>,
    says: BTreeMap<u32, String>,
    runs: BTreeMap<u32, (String, u64)>,
    tools: BTreeMap<String, (u64, bool)>,
    asked: BTreeMap<u32, u64>,
}

#[derive(Debug, Default)]
struct Thinking {
    asked: u64,
    ttft: Option<u64>,
    duration: u64,
    text: String,
    calls: Vec<String>,
    failed: bool,
}

impl Maker {
    fn head(&mut self, config: &Config) {
        self.out.push_str("title redacted call\nstt streams=off\n");
        if !config.greeting.is_empty() {
            let _ = writeln!(self.out, "greeting {}", quoted(&mask(&config.greeting)));
        }
        for (path, value) in [
            ("turns", serde_json::to_string(&config.turns)),
            ("road", serde_json::to_string(&config.road)),
            ("mind", serde_json::to_string(&config.mind)),
            ("greeting_interruptible", serde_json::to_string(&config.greeting_interruptible)),
        ] {
            let _ = writeln!(self.out, "set {path} {}", value.unwrap_or_default());
        }
        self.tools = config.tools.iter().map(|t| (t.name.clone(), (0, false))).collect();
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
                if let Some((name, since)) = self.runs.get(&id.0) {
                    let failed = matches!(result, ToolResult::Error(_));
                    self.tools.insert(name.clone(), (at - since, failed));
                }
            }
            Input::Say { id, event: SayEvent::Synthesised { duration_ms } } => {
                if let Some(text) = self.says.get(&id.0) {
                    let _ = writeln!(self.out, "voice {} audio={}", quoted(&mask(text)), secs(*duration_ms));
                }
            }
            Input::TurnModel { id, answer } => self.judged(at, id.0, *answer),
            Input::Wake | Input::Say { .. } | Input::Transfer { .. } => {}
            other => {
                let json = serde_json::to_string(&masked(other)).unwrap_or_default();
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
            ThinkEvent::ToolCall { name, .. } => thinking.calls.push(name.clone()),
            ThinkEvent::Failed(_) => thinking.failed = true,
            ThinkEvent::Done(_) => {}
        }
    }

    fn output(&mut self, at: u64, output: &Output) {
        match output {
            Output::Think(request) => {
                self.thinks.insert(request.id.0, Thinking { asked: at, ..Thinking::default() });
            }
            Output::Say(chunk) => {
                let text = self.says.entry(chunk.id.0).or_default();
                if !text.is_empty() && !chunk.text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&chunk.text);
            }
            Output::AskTurnModel { id, .. } => {
                self.asked.insert(id.0, at);
            }
            Output::RunTool(run) => {
                self.runs.insert(run.id.0, (run.name.clone(), at));
            }
            _ => {}
        }
    }

    fn tail(&mut self, journal: &[JournalLine]) {
        for (name, (takes, failed)) in std::mem::take(&mut self.tools) {
            let gives = if failed { "fails=failed" } else { "gives=ok" };
            let class = if dialogue::builtin::NAMES.contains(&name.as_str()) { "builtin" } else { "write" };
            let _ = writeln!(self.out, "tool {name} {class} takes={} {gives}", secs(takes));
        }
        for thinking in std::mem::take(&mut self.thinks).into_values() {
            let text = quoted(&mask(&thinking.text));
            let mut line = format!("model {text} once=on");
            match thinking.ttft {
                None => line.push_str(" silent=on"),
                Some(ttft) => {
                    let _ = write!(line, " ttft={} duration={}", secs(ttft), secs(thinking.duration));
                }
            }
            if thinking.failed {
                line.push_str(" fails=timeout");
            }
            for call in thinking.calls {
                let _ = write!(line, " call={call}");
            }
            let _ = writeln!(self.out, "{line}");
        }
        let turns = journal.iter().filter(|l| is_user_item(l)).count();
        let _ = writeln!(self.out, "count {turns} \"item:user:*\"");
    }
}

fn is_user_item(line: &JournalLine) -> bool {
    matches!(line, JournalLine::Out { output: Output::Committed(i), .. } if matches!(i.message, Message::User { .. }))
}

fn masked(input: &Input) -> Input {
    match input {
        Input::Stt(Stt::Interim { text }) => Input::Stt(Stt::Interim { text: mask(text) }),
        Input::Stt(Stt::Final { text, speech_final }) => {
            Input::Stt(Stt::Final { text: mask(text), speech_final: *speech_final })
        }
        Input::Stt(Stt::EagerEnd { text }) => Input::Stt(Stt::EagerEnd { text: mask(text) }),
        Input::Stt(Stt::EndOfTurn { text }) => Input::Stt(Stt::EndOfTurn { text: text.as_deref().map(mask) }),
        Input::Digit(key) => Input::Digit(if key.is_ascii_digit() { '0' } else { *key }),
        Input::Vad(edge) => Input::Vad(Vad::clone(edge)),
        other => other.clone(),
    }
}

/// Letters become `x`, digits `0`; the rest stays.
fn mask(text: &str) -> String {
    let one = |c: char| match c {
        c if c.is_ascii_digit() => '0',
        c if c.is_alphanumeric() => 'x',
        c => c,
    };
    text.chars().map(one).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "))
}

fn secs(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
