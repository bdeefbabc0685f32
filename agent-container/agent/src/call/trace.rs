//! A call as spans: a fold over what reached the dialogue and what it wanted, finished when the call is over.

use std::collections::BTreeMap;
use std::time::SystemTime;

use dialogue::{
    CallTime, Input, Output, SayEvent, SayId, SayKind, ThinkEvent, ThinkId, ToolId, ToolResult, TurnTrace,
};
use opentelemetry::KeyValue;
use telemetry::span;

use super::observer::STAGES;

/// Spans of one call at most; a call with more is told by its first ones.
const MOST_SPANS: usize = 4096;

/// One span of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSpan {
    /// One of [`telemetry::span`].
    pub name: &'static str,
    /// Place of its parent in the list; nothing for the call itself.
    pub parent: Option<usize>,
    /// Call time.
    pub start: CallTime,
    /// Call time; nothing while it runs.
    pub end: Option<CallTime>,
    /// Numbers and names, never words.
    pub attributes: Vec<KeyValue>,
}

/// The spans of one call. The first one is the call.
#[derive(Debug)]
pub struct CallTrace {
    started: SystemTime,
    spans: Vec<CallSpan>,
    thinking: BTreeMap<ThinkId, usize>,
    tools: BTreeMap<ToolId, usize>,
    speeches: BTreeMap<SayId, Speech>,
    /// Work whose turn is not known yet.
    orphans: Vec<usize>,
}

#[derive(Debug)]
struct Speech {
    kind: SayKind,
    span: Option<usize>,
}

impl CallTrace {
    /// A call whose time zero was at `started`; `attributes` are those of the call.
    #[must_use]
    pub fn new(started: SystemTime, mut attributes: Vec<KeyValue>) -> Self {
        attributes.push(KeyValue::new(span::OPERATION, span::INVOKE_AGENT));
        let name = span::INVOKE_AGENT;
        let call = CallSpan { name, parent: None, start: CallTime::ZERO, end: None, attributes };
        Self {
            started,
            spans: vec![call],
            thinking: BTreeMap::new(),
            tools: BTreeMap::new(),
            speeches: BTreeMap::new(),
            orphans: Vec::new(),
        }
    }

    /// Something reached the dialogue.
    pub fn input(&mut self, now: CallTime, input: &Input) {
        match input {
            Input::Think { id, event } => self.thought(now, *id, event),
            Input::Tool { id, result } => {
                let Some(at) = self.tools.remove(id) else { return };
                let failed =
                    matches!(result, ToolResult::Error(_)).then(|| KeyValue::new(span::ERROR, "tool"));
                self.end(at, now, failed);
            }
            Input::Say { id, event: SayEvent::Started } => {
                let Some(kind) = self.speeches.get(id).map(|speech| speech.kind) else { return };
                let at = self.begin(span::SPEAKING, now, vec![KeyValue::new(span::SPEECH, label(kind))]);
                if let Some(speech) = self.speeches.get_mut(id) {
                    speech.span = at;
                }
            }
            Input::Say { id, event: SayEvent::Finished { .. } } => {
                if let Some(at) = self.speeches.remove(id).and_then(|speech| speech.span) {
                    self.end(at, now, None);
                }
            }
            _ => {}
        }
    }

    /// The dialogue wanted something.
    pub fn output(&mut self, now: CallTime, output: &Output) {
        match output {
            Output::Think(request) => {
                let at = self.begin(span::CHAT, now, vec![KeyValue::new(span::OPERATION, span::CHAT)]);
                self.thinking.extend(at.map(|at| (request.id, at)));
                self.orphans.extend(at);
            }
            Output::CancelThink { id } => {
                let Some(at) = self.thinking.remove(id) else { return };
                self.end(at, now, [KeyValue::new(span::CANCELLED, true)]);
            }
            Output::RunTool(run) => {
                let attributes = vec![
                    KeyValue::new(span::OPERATION, span::EXECUTE_TOOL),
                    KeyValue::new(span::TOOL, run.name.clone()),
                ];
                let at = self.begin(span::EXECUTE_TOOL, now, attributes);
                self.tools.extend(at.map(|at| (run.id, at)));
                self.orphans.extend(at);
            }
            Output::CancelTool { id } => {
                let Some(at) = self.tools.remove(id) else { return };
                self.end(at, now, [KeyValue::new(span::CANCELLED, true)]);
            }
            Output::Say(chunk) => {
                self.speeches.entry(chunk.id).or_insert(Speech { kind: chunk.kind, span: None });
            }
            Output::Turn(trace) => self.turn(now, trace),
            _ => {}
        }
    }

    /// All spans with their ends, and the wall clock at call time zero.
    #[must_use]
    pub fn finish(mut self, ended: SystemTime, end_reason: &str) -> (SystemTime, Vec<CallSpan>) {
        let lasted = ended.duration_since(self.started).unwrap_or_default();
        let now = CallTime::from_ms(u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX));
        self.spans[0].attributes.push(KeyValue::new(span::END_REASON, end_reason.to_owned()));
        for span in &mut self.spans {
            span.end.get_or_insert(now);
        }
        (self.started, self.spans)
    }

    fn thought(&mut self, now: CallTime, id: ThinkId, event: &ThinkEvent) {
        match event {
            ThinkEvent::Done(usage) => {
                let Some(at) = self.thinking.remove(&id) else { return };
                let tokens =
                    [(span::INPUT_TOKENS, usage.input_tokens), (span::OUTPUT_TOKENS, usage.output_tokens)];
                self.end(at, now, tokens.map(|(name, count)| KeyValue::new(name, i64::from(count))));
            }
            ThinkEvent::Failed(failure) => {
                let Some(at) = self.thinking.remove(&id) else { return };
                self.end(at, now, [KeyValue::new(span::ERROR, label(failure.kind))]);
            }
            ThinkEvent::Delta(_) | ThinkEvent::ToolCall { .. } => {}
        }
    }

    /// A turn is complete: the work since the last one was for it.
    fn turn(&mut self, now: CallTime, trace: &TurnTrace) {
        let (anchors, turn) = (&trace.anchors, KeyValue::new(span::TURN, i64::from(trace.turn.0)));
        let orphans = std::mem::take(&mut self.orphans);
        if let (Some(start), Some(commit)) = (anchors.speech_start, anchors.turn_commit)
            && let Some(at) = self.begin(span::USER_TURN, start, vec![turn.clone()])
        {
            self.end(at, commit, None);
        }
        // Work ahead of the commit belongs to the answer, too.
        let ahead = orphans.iter().map(|&at| self.spans[at].start).min();
        let start = [anchors.turn_commit, ahead].into_iter().flatten().min().unwrap_or(now);
        let mut attributes = vec![turn, KeyValue::new(span::OUTCOME, label(trace.outcome))];
        attributes.extend(STAGES.iter().filter_map(|(stage, of)| {
            let ms = i64::try_from(of(&trace.deltas)?).ok()?;
            Some(KeyValue::new(format!("{}{stage}", span::STAGE_PREFIX), ms))
        }));
        let Some(at) = self.begin(span::AGENT_TURN, start, attributes) else { return };
        self.end(at, anchors.audio_sent.unwrap_or(now), None);
        for orphan in orphans {
            self.spans[orphan].parent = Some(at);
        }
        if let (Some(text), Some(audio)) = (anchors.first_sentence, anchors.tts_first_byte)
            && let Some(tts) = self.begin(span::TTS, text, Vec::new())
        {
            self.spans[tts].parent = Some(at);
            self.end(tts, audio, None);
        }
    }

    /// A span under the call; nothing when there are too many.
    fn begin(&mut self, name: &'static str, start: CallTime, attributes: Vec<KeyValue>) -> Option<usize> {
        let at = self.spans.len();
        (at < MOST_SPANS).then(|| {
            self.spans.push(CallSpan { name, parent: Some(0), start, end: None, attributes });
            at
        })
    }

    fn end(&mut self, at: usize, end: CallTime, attributes: impl IntoIterator<Item = KeyValue>) {
        let span = &mut self.spans[at];
        span.end = Some(end.max(span.start));
        span.attributes.extend(attributes);
    }
}

/// A name of the dialogue as its journal spells it.
fn label(name: impl serde::Serialize) -> String {
    match serde_json::to_value(name) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
