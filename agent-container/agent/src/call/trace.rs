//! A call as spans: a fold over what reached the dialogue and what it wanted. What is over is handed over at once:
//! the spans of a turn when the turn is, the call's own at its end.

use std::collections::BTreeMap;
use std::time::SystemTime;

use dialogue::{
    CallTime, Input, Output, SayEvent, SayId, SayKind, ThinkEvent, ThinkId, ToolId, ToolResult, TurnTrace,
};
use opentelemetry::KeyValue;
use telemetry::{span, turn};

use super::observer::STAGES;
use crate::spans::SpanSink;

/// Spans of one call at most; a call with more is told by its first ones.
const MOST_SPANS: usize = 4096;

/// One span of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSpan {
    /// Number within the call.
    pub id: usize,
    /// One of [`telemetry::span`].
    pub name: &'static str,
    /// Its parent's number; nothing where that is the call itself.
    pub parent: Option<usize>,
    /// Call time.
    pub start: CallTime,
    /// Call time; the start while it runs.
    pub end: CallTime,
    /// Numbers and names, never words.
    pub attributes: Vec<KeyValue>,
}

/// The spans of one call.
#[derive(Debug)]
pub struct CallTrace {
    sink: SpanSink,
    started: SystemTime,
    made: usize,
    thinking: BTreeMap<ThinkId, CallSpan>,
    tools: BTreeMap<ToolId, CallSpan>,
    speeches: BTreeMap<SayId, Speech>,
    /// Work that is over and whose turn is not known yet.
    waiting: Vec<CallSpan>,
}

#[derive(Debug)]
struct Speech {
    kind: SayKind,
    span: Option<CallSpan>,
}

impl CallTrace {
    /// A call whose time zero was at `started`.
    #[must_use]
    pub fn new(sink: SpanSink, started: SystemTime) -> Self {
        Self {
            sink,
            started,
            made: 0,
            thinking: BTreeMap::new(),
            tools: BTreeMap::new(),
            speeches: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Something reached the dialogue.
    pub fn input(&mut self, now: CallTime, input: &Input) {
        match input {
            Input::Think { id, event } => self.thought(now, *id, event),
            Input::Tool { id, result } => {
                let Some(run) = self.tools.remove(id) else { return };
                let failed =
                    matches!(result, ToolResult::Error(_)).then(|| KeyValue::new(span::ERROR, "tool"));
                self.waiting.push(run.ended(now, failed));
            }
            Input::Say { id, event: SayEvent::Started } => {
                let Some(kind) = self.speeches.get(id).map(|speech| speech.kind) else { return };
                let span = self.begin(span::SPEAKING, now, vec![KeyValue::new(span::SPEECH, label(kind))]);
                if let Some(speech) = self.speeches.get_mut(id) {
                    speech.span = span;
                }
            }
            Input::Say { id, event: SayEvent::Finished { .. } } => {
                if let Some(span) = self.speeches.remove(id).and_then(|speech| speech.span) {
                    self.sink.send(span.ended(now, None));
                }
            }
            _ => {}
        }
    }

    /// The dialogue wanted something.
    pub fn output(&mut self, now: CallTime, output: &Output) {
        match output {
            Output::Think(request) => {
                let chat = self.begin(span::CHAT, now, vec![KeyValue::new(span::OPERATION, span::CHAT)]);
                self.thinking.extend(chat.map(|chat| (request.id, chat)));
            }
            Output::CancelThink { id } => {
                let Some(chat) = self.thinking.remove(id) else { return };
                self.waiting.push(chat.ended(now, [KeyValue::new(span::CANCELLED, true)]));
            }
            Output::RunTool(run) => {
                let attributes = vec![
                    KeyValue::new(span::OPERATION, span::EXECUTE_TOOL),
                    KeyValue::new(span::TOOL, run.name.clone()),
                ];
                let span = self.begin(span::EXECUTE_TOOL, now, attributes);
                self.tools.extend(span.map(|span| (run.id, span)));
            }
            Output::CancelTool { id } => {
                let Some(run) = self.tools.remove(id) else { return };
                self.waiting.push(run.ended(now, [KeyValue::new(span::CANCELLED, true)]));
            }
            Output::Say(chunk) => {
                self.speeches.entry(chunk.id).or_insert(Speech { kind: chunk.kind, span: None });
            }
            Output::Turn(trace) => self.turn(now, trace),
            _ => {}
        }
    }

    /// The call is over: what still runs ends with it.
    pub fn finish(mut self, ended: SystemTime, end_reason: &str) {
        let lasted = ended.duration_since(self.started).unwrap_or_default();
        let now = CallTime::from_ms(u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX));
        let speaking = self.speeches.into_values().filter_map(|speech| speech.span);
        let running = self.thinking.into_values().chain(self.tools.into_values()).chain(speaking);
        for span in self.waiting {
            self.sink.send(span);
        }
        for span in running {
            self.sink.send(span.ended(now, None));
        }
        self.sink.finish(ended, end_reason);
    }

    fn thought(&mut self, now: CallTime, id: ThinkId, event: &ThinkEvent) {
        match event {
            ThinkEvent::Done(usage) => {
                let Some(chat) = self.thinking.remove(&id) else { return };
                let tokens =
                    [(span::INPUT_TOKENS, usage.input_tokens), (span::OUTPUT_TOKENS, usage.output_tokens)];
                let tokens = tokens.map(|(name, count)| KeyValue::new(name, i64::from(count)));
                self.waiting.push(chat.ended(now, tokens));
            }
            ThinkEvent::Failed(failure) => {
                let Some(chat) = self.thinking.remove(&id) else { return };
                self.waiting.push(chat.ended(now, [KeyValue::new(span::ERROR, label(failure.kind))]));
            }
            ThinkEvent::Delta(_) | ThinkEvent::ToolCall { .. } => {}
        }
    }

    /// A turn is complete: the work since the last one was for it.
    fn turn(&mut self, now: CallTime, trace: &TurnTrace) {
        let (anchors, number) = (&trace.anchors, KeyValue::new(span::TURN, i64::from(trace.turn.0)));
        if let (Some(start), Some(commit)) = (anchors.speech_start, anchors.turn_commit)
            && let Some(user) = self.begin(span::USER_TURN, start, vec![number.clone()])
        {
            self.sink.send(user.ended(commit, None));
        }
        let work = std::mem::take(&mut self.waiting);
        // Work ahead of the commit belongs to the answer, too.
        let ahead = work.iter().map(|span| span.start).min();
        let start = [anchors.turn_commit, ahead].into_iter().flatten().min().unwrap_or(now);
        let mut attributes = vec![number];
        attributes.extend(measured(trace));
        let Some(answer) = self.begin(span::AGENT_TURN, start, attributes) else { return };
        let parent = answer.id;
        self.sink.send(answer.ended(anchors.audio_first_nonsilent_sample_sent.unwrap_or(now), None));
        for span in work {
            self.sink.send(CallSpan { parent: Some(parent), ..span });
        }
        for span in self.thinking.values_mut().chain(self.tools.values_mut()) {
            span.parent = span.parent.or(Some(parent));
        }
        if let (Some(text), Some(audio)) = (anchors.first_sentence, anchors.tts_first_byte)
            && let Some(tts) = self.begin(span::TTS, text, Vec::new())
        {
            self.sink.send(CallSpan { parent: Some(parent), ..tts }.ended(audio, None));
        }
    }

    /// A span under the call; nothing when there are too many.
    fn begin(&mut self, name: &'static str, start: CallTime, attributes: Vec<KeyValue>) -> Option<CallSpan> {
        (self.made < MOST_SPANS).then(|| {
            self.made += 1;
            CallSpan { id: self.made, name, parent: None, start, end: start, attributes }
        })
    }
}

impl CallSpan {
    fn ended(mut self, end: CallTime, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.end = end.max(self.start);
        self.attributes.extend(attributes);
        self
    }
}

/// A turn's outcome, moments and stages.
fn measured(trace: &TurnTrace) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(span::OUTCOME, label(trace.outcome))];
    attributes.extend(trace.critical_path.map(|stage| KeyValue::new(span::CRITICAL_PATH, label(stage))));
    let anchors = serde_json::to_value(trace.anchors).unwrap_or_default();
    attributes.extend(turn::ANCHORS.iter().filter_map(|moment| {
        let ms = anchors[moment].as_i64()?;
        Some(KeyValue::new(format!("{}{moment}", span::MOMENT_PREFIX), ms))
    }));
    attributes.extend(STAGES.iter().filter_map(|(stage, of)| {
        let ms = i64::try_from(of(&trace.deltas)?).ok()?;
        Some(KeyValue::new(format!("{}{stage}", span::STAGE_PREFIX), ms))
    }));
    attributes
}

/// A name of the dialogue as its journal spells it.
pub(super) fn label(name: impl serde::Serialize) -> String {
    match serde_json::to_value(name) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
