//! The `.call` format: a timed script of a call, its faults and what is expected of it.
//! `events/calls/README.md` describes it for people.

use std::fmt;

use dialogue::{Config, FailureKind, Input, LineChange, LiveEvent, Stt, TransferResult, TurnConfig, Usage};
use serde_json::Value;

use crate::expect::Expectation;
use crate::words::{self, Line};

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
    /// The fake end-of-turn model: probability and delay in ms.
    pub turn_model: Option<(f32, u64)>,
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
            stt: SttFake { delay_ms: 200, streams: true },
            llm: LlmFake { ttft_ms: 100, duration_ms: 300 },
            tts: TtsFake { ttfb_ms: 200, extra_ms: 0, word_times: false, silent: false, failures: 0 },
            turn_model: None,
            answer_ms: 0,
            end_ms: 0,
        }
    }

    /// Reads a script. A `vary` statement makes several of one text.
    ///
    /// # Errors
    ///
    /// The first line that cannot be understood.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ScriptError> {
        crate::expand::variants(text)?.iter().map(|lines| Self::parse(lines)).collect()
    }

    fn parse(lines: &[Line]) -> Result<Self, ScriptError> {
        let mut script = Self::empty();
        for line in lines {
            let fault = |reason: String| ScriptError { line: line.number, reason };
            script.statement(&line.text).map_err(fault)?;
        }
        let last = script.events.iter().map(|e| e.end_ms()).max().unwrap_or(0);
        if script.end_ms == 0 {
            script.end_ms = last.max(script.answer_ms) + DRAIN_MS;
        }
        script.events.sort_by_key(|e| e.at_ms);
        let fault = |e: dialogue::ConfigError| ScriptError { line: 1, reason: e.to_string() };
        script.config.validate().map_err(fault)?;
        Ok(script)
    }

    fn statement(&mut self, text: &str) -> Result<(), String> {
        if text.trim_start().starts_with("set ") {
            return self.set(text);
        }
        let tokens = words::tokens(text)?;
        let Some(first) = tokens.first() else { return Ok(()) };
        let args = &tokens[1..];
        if first.starts_with(|c: char| c.is_ascii_digit()) {
            return self.happening(first, args);
        }
        match first.as_str() {
            "title" => self.title = text["title".len()..].trim().to_owned(),
            "preset" => self.preset(words::one(args)?)?,
            "greeting" => self.config.greeting = words::one(args)?.to_owned(),
            "answer" => self.answer_ms = words::seconds(words::one(args)?)?,
            "end" => self.end_ms = words::seconds(words::one(args)?)?,
            "golden" => self.golden = Some(words::number(words::one(args)?)?),
            "stt" => self.stt(args)?,
            "llm" => self.llm(args)?,
            "tts" => self.tts(args)?,
            "turn_model" => self.turn_model(args)?,
            "tool" => self.tool(args)?,
            "voice" => self.voice(args)?,
            "model" => self.model(args)?,
            "transfer" => self.transfer(args)?,
            "expect" | "refute" | "count" | "history" => {
                self.expectations.push(Expectation::parse(first, args)?);
            }
            other => return Err(format!("unknown statement `{other}`")),
        }
        Ok(())
    }

    fn preset(&mut self, name: &str) -> Result<(), String> {
        match name {
            "phone" => self.config.turns = TurnConfig::phone_default(),
            "livekit" => {
                self.config.turns = TurnConfig::livekit_189();
                self.stt.streams = false;
            }
            other => return Err(format!("unknown preset `{other}`: phone or livekit")),
        }
        Ok(())
    }

    /// `set PATH VALUE`: the value is the rest of the line, JSON or else text.
    fn set(&mut self, text: &str) -> Result<(), String> {
        let rest = text.trim().strip_prefix("set").unwrap_or_default().trim_start();
        let (path, value) = rest.split_once(' ').ok_or("set PATH VALUE")?;
        self.config = crate::settings::with(&self.config, path, value.trim())?;
        Ok(())
    }

    fn stt(&mut self, args: &[String]) -> Result<(), String> {
        for (key, value) in words::pairs(args)? {
            match key {
                "delay" => self.stt.delay_ms = words::seconds(value)?,
                "streams" => self.stt.streams = words::switch(value)?,
                other => return Err(format!("unknown setting `{other}` of stt")),
            }
        }
        Ok(())
    }

    fn llm(&mut self, args: &[String]) -> Result<(), String> {
        for (key, value) in words::pairs(args)? {
            match key {
                "ttft" => self.llm.ttft_ms = words::seconds(value)?,
                "duration" => self.llm.duration_ms = words::seconds(value)?,
                other => return Err(format!("unknown setting `{other}` of llm")),
            }
        }
        Ok(())
    }

    fn tts(&mut self, args: &[String]) -> Result<(), String> {
        for (key, value) in words::pairs(args)? {
            match key {
                "ttfb" => self.tts.ttfb_ms = words::seconds(value)?,
                "extra" => self.tts.extra_ms = words::seconds(value)?,
                "word_times" => self.tts.word_times = words::switch(value)?,
                "silent" => self.tts.silent = words::switch(value)?,
                "failures" => self.tts.failures = words::number(value)?,
                other => return Err(format!("unknown setting `{other}` of tts")),
            }
        }
        Ok(())
    }

    fn turn_model(&mut self, args: &[String]) -> Result<(), String> {
        let (mut p, mut delay) = (1.0, 100);
        for (key, value) in words::pairs(args)? {
            match key {
                "p" => p = value.parse().map_err(|_| format!("`{value}` is no probability"))?,
                "delay" => delay = words::seconds(value)?,
                other => return Err(format!("unknown setting `{other}` of turn_model")),
            }
        }
        self.turn_model = Some((p, delay));
        Ok(())
    }

    fn tool(&mut self, args: &[String]) -> Result<(), String> {
        let [name, class, rest @ ..] = args else { return Err("tool NAME read|write …".to_owned()) };
        let mut line =
            ToolLine { name: name.clone(), takes_ms: Some(0), gives: "ok".to_owned(), error: false };
        let mut timeout_ms = 10_000;
        for (key, value) in words::pairs(rest)? {
            match key {
                "takes" if value == "forever" => line.takes_ms = None,
                "takes" => line.takes_ms = Some(words::seconds(value)?),
                "gives" => value.clone_into(&mut line.gives),
                "fails" => {
                    value.clone_into(&mut line.gives);
                    line.error = true;
                }
                "timeout" => timeout_ms = words::seconds(value)?,
                other => return Err(format!("unknown setting `{other}` of tool")),
            }
        }
        let spec = match class.as_str() {
            "builtin" => dialogue::builtin::spec(name).ok_or(format!("no built-in tool `{name}`"))?,
            "read" | "write" => dialogue::ToolSpec {
                name: name.clone(),
                description: name.clone(),
                parameters: serde_json::json!({"type": "object"}),
                class: if class == "read" { dialogue::ToolClass::Read } else { dialogue::ToolClass::Write },
                timeout_ms,
            },
            other => return Err(format!("`{other}` is not read, write or builtin")),
        };
        self.config.tools.push(spec);
        self.tools.push(line);
        Ok(())
    }

    fn voice(&mut self, args: &[String]) -> Result<(), String> {
        let [text, rest @ ..] = args else { return Err("voice TEXT audio=SECONDS".to_owned()) };
        let mut line = VoiceLine { text: text.clone(), audio_ms: 0, ttfb_ms: None };
        for (key, value) in words::pairs(rest)? {
            match key {
                "audio" => line.audio_ms = words::seconds(value)?,
                "ttfb" => line.ttfb_ms = Some(words::seconds(value)?),
                other => return Err(format!("unknown setting `{other}` of voice")),
            }
        }
        self.voices.push(line);
        Ok(())
    }

    fn model(&mut self, args: &[String]) -> Result<(), String> {
        let [text, rest @ ..] = args else { return Err("model TEXT …".to_owned()) };
        let mut line = ModelLine { text: text.clone(), ..ModelLine::default() };
        for (key, value) in words::pairs(rest)? {
            match key {
                "when" => line.when = Some(value.to_owned()),
                "ttft" => line.ttft_ms = Some(words::seconds(value)?),
                "duration" => line.duration_ms = Some(words::seconds(value)?),
                "audio" => self.voices.push(VoiceLine {
                    text: text.clone(),
                    audio_ms: words::seconds(value)?,
                    ttfb_ms: None,
                }),
                "ttfb" => {
                    let voice = self.voices.iter_mut().rev().find(|v| v.text == *text);
                    voice.ok_or("ttfb needs audio before it")?.ttfb_ms = Some(words::seconds(value)?);
                }
                "call" => {
                    let (name, arguments) = value.split_once(' ').unwrap_or((value, "{}"));
                    line.calls.push((name.to_owned(), arguments.to_owned()));
                }
                "fails" => line.fails = Some(words::failure(value)?),
                "silent" => line.silent = words::switch(value)?,
                "once" => line.once = words::switch(value)?,
                other => return Err(format!("unknown setting `{other}` of model")),
            }
        }
        self.model.push(line);
        Ok(())
    }

    fn transfer(&mut self, args: &[String]) -> Result<(), String> {
        let [how, rest @ ..] = args else { return Err("transfer done|failed|never …".to_owned()) };
        let mut line = TransferLine { after_ms: Some(1000), result: TransferResult::Done };
        let mut sip_status = None;
        for (key, value) in words::pairs(rest)? {
            match key {
                "after" => line.after_ms = Some(words::seconds(value)?),
                "status" => sip_status = Some(words::number(value)?),
                other => return Err(format!("unknown setting `{other}` of transfer")),
            }
        }
        match how.as_str() {
            "done" => {}
            "failed" => line.result = TransferResult::Failed { sip_status },
            "never" => line.after_ms = None,
            other => return Err(format!("`{other}` is not done, failed or never")),
        }
        self.transfers.push(line);
        Ok(())
    }

    fn happening(&mut self, time: &str, args: &[String]) -> Result<(), String> {
        let (at, end) = match time.split_once('-') {
            Some((from, to)) => (words::seconds(from)?, Some(words::seconds(to)?)),
            None => (words::seconds(time)?, None),
        };
        let [verb, rest @ ..] = args else { return Err("something must happen at this time".to_owned()) };
        if let Some(end_ms) = end {
            if end_ms <= at {
                return Err("the end must lie behind the start".to_owned());
            }
            let what = speech(verb, rest, end_ms)?;
            self.events.push(Timed { at_ms: at, what });
            return Ok(());
        }
        for input in inputs(verb, rest)? {
            self.events.push(Timed { at_ms: at, what: Happening::Input(input) });
        }
        Ok(())
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

fn speech(verb: &str, rest: &[String], end_ms: u64) -> Result<Happening, String> {
    match verb {
        "noise" => Ok(Happening::Speech { end_ms, text: String::new(), delay_ms: None, lost: false }),
        "caller" => {
            let [text, rest @ ..] = rest else { return Err("caller TEXT".to_owned()) };
            let (mut delay_ms, mut lost) = (None, false);
            for (key, value) in words::pairs(rest)? {
                match key {
                    "delay" => delay_ms = Some(words::seconds(value)?),
                    "lost" => lost = words::switch(value)?,
                    other => return Err(format!("unknown setting `{other}` of caller")),
                }
            }
            Ok(Happening::Speech { end_ms, text: text.clone(), delay_ms, lost })
        }
        other => Err(format!("`{other}` has no duration: caller or noise")),
    }
}

/// Inputs at a moment.
fn inputs(verb: &str, rest: &[String]) -> Result<Vec<Input>, String> {
    let one = |input| Ok(vec![input]);
    match verb {
        "hangup" => one(Input::Line(LineChange::CallerLeft)),
        "keys" => Ok(words::one(rest)?.chars().map(Input::Digit).collect()),
        "line" => one(Input::Line(match words::one(rest)? {
            "lost" => LineChange::Lost,
            "restored" => LineChange::Restored,
            "gone" => LineChange::Gone,
            other => return Err(format!("the line is lost, restored or gone, not `{other}`")),
        })),
        "drain" => one(Input::Drain { within_ms: words::seconds(words::one(rest)?)? }),
        "stt" => one(Input::Stt(stt(rest)?)),
        "live" => one(Input::Live(live(rest)?)),
        "input" => {
            let json = json_or_text(words::one(rest)?);
            one(serde_json::from_value(json).map_err(|e| format!("not an input: {e}"))?)
        }
        other => Err(format!("unknown event `{other}`")),
    }
}

fn stt(rest: &[String]) -> Result<Stt, String> {
    let text = || rest.get(1).cloned().ok_or("this needs a text".to_owned());
    let failure = || dialogue::Failure::new(FailureKind::Disconnected, "script");
    Ok(match rest.first().map(String::as_str) {
        Some("interim") => Stt::Interim { text: text()? },
        Some("final") => Stt::Final { text: text()?, speech_final: false },
        Some("speech_final") => Stt::Final { text: text()?, speech_final: true },
        Some("eager") => Stt::EagerEnd { text: text()? },
        Some("resumed") => Stt::Resumed,
        Some("end_of_turn") => Stt::EndOfTurn { text: rest.get(1).cloned() },
        Some("fails") => Stt::Failed(failure()),
        Some("restored") => Stt::Restored,
        _ => return Err("stt interim|final|speech_final|eager|resumed|end_of_turn|fails|restored".to_owned()),
    })
}

fn live(rest: &[String]) -> Result<LiveEvent, String> {
    let arg = |i: usize| rest.get(i).cloned().ok_or("this needs more words".to_owned());
    Ok(match rest.first().map(String::as_str) {
        Some("ready") => LiveEvent::Ready,
        Some("speech_started") => LiveEvent::SpeechStarted,
        Some("speech_stopped") => LiveEvent::SpeechStopped,
        Some("heard") => LiveEvent::Heard { text: arg(1)? },
        Some("item") => LiveEvent::ItemStarted { item: arg(1)? },
        Some("text") => LiveEvent::Text { item: arg(1)?, delta: arg(2)? },
        Some("call") => LiveEvent::ToolCall { vendor_id: arg(1)?, name: arg(2)?, arguments: arg(3)? },
        Some("done") => LiveEvent::ResponseDone(Usage::default()),
        Some("expiring") => LiveEvent::Expiring,
        Some("closed") => LiveEvent::Closed(dialogue::Failure::new(FailureKind::Expired, "script")),
        _ => {
            return Err("live ready|speech_started|speech_stopped|heard|item|text|call|done|expiring|closed"
                .to_owned());
        }
    })
}

/// The simulation goes on this long after the script's last event.
const DRAIN_MS: u64 = 20_000;

/// Makes the JSON of `value`, or a string of it.
pub(crate) fn json_or_text(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
}
