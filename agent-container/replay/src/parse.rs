//! Reads `.call` statements.

use dialogue::{FailureKind, Input, LineChange, LiveEvent, Stt, TransferResult, TurnConfig, TurnSkip, Usage};
use serde_json::Value;

use crate::expect::Expectation;
use crate::script::{
    Happening, ModelLine, Script, ScriptError, Timed, ToolLine, TransferLine, TurnModelLine, VoiceLine,
};
use crate::words::{self, Line};

impl Script {
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
                "whole" if words::switch(value)? => {
                    self.stt.whole = true;
                    self.config.turns.recogniser.hear_whole_utterances();
                }
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
        let mut line = TurnModelLine::default();
        for (key, value) in words::pairs(args)? {
            match key {
                "p" => {
                    line.probability = value.parse().map_err(|_| format!("`{value}` is no probability"))?
                }
                "delay" => line.after_ms = words::seconds(value)?,
                "skip" => line.skip = Some(skip(value)?),
                other => return Err(format!("unknown setting `{other}` of turn_model")),
            }
        }
        self.turn_model.push_back(line);
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
            // Their time is their own.
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
        match self.config.tools.iter().find(|known| known.name == spec.name) {
            Some(known) if *known == spec => {}
            Some(_) => return Err(format!("`{name}` is there with another class or timeout")),
            None => self.config.tools.push(spec),
        }
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
        Some("so_far") => Stt::SoFar { text: text()? },
        Some("final") => Stt::Final { text: text()?, speech_final: false },
        Some("speech_final") => Stt::Final { text: text()?, speech_final: true },
        Some("eager") => Stt::EagerEnd { text: text()? },
        Some("resumed") => Stt::Resumed,
        Some("end_of_turn") => Stt::EndOfTurn { text: rest.get(1).cloned() },
        Some("fails") => Stt::Failed(failure()),
        Some("restored") => Stt::Restored,
        _ => {
            return Err(
                "stt interim|so_far|final|speech_final|eager|resumed|end_of_turn|fails|restored".to_owned()
            );
        }
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

/// `busy`, `over_budget`: the words of the journal.
fn skip(value: &str) -> Result<TurnSkip, String> {
    serde_json::from_value(value.into()).map_err(|_| format!("`{value}` is no reason to skip the turn model"))
}
