//! Metrics: a fold over the journal's inputs and outputs. Nothing else measures.

use crate::{
    Anchors, CallTime, Decision, Deltas, Explain, Input, JournalLine, Message, Output, SayEvent, SayId,
    SayKind, Stage, State, Stt, ThinkEvent, ThinkId, TurnId, TurnOutcome, TurnTrace, Usage, Vad, Who,
};

/// Folds journal lines into one [`TurnTrace`] for each turn of the caller.
#[derive(Debug, Default)]
pub struct Tracer {
    heard: Anchors,
    speaking: bool,
    think: Option<ThinkId>,
    /// The request came before its turn: the first token may be older than the turn.
    early: bool,
    first_token: Option<CallTime>,
    usage: Usage,
    open: Option<TurnTrace>,
    says: Vec<(SayId, SayKind)>,
    filled: bool,
}

impl Tracer {
    /// Takes one line; a turn that is complete comes back.
    pub fn line(&mut self, line: &JournalLine) -> Option<TurnTrace> {
        match line {
            JournalLine::Header(_) => None,
            JournalLine::In { at, input } => {
                self.input(*at, input);
                None
            }
            JournalLine::Out { at, output } => self.output(*at, output),
        }
    }

    pub(crate) fn input(&mut self, now: CallTime, input: &Input) {
        match input {
            Input::Vad(edge) => self.vad(now, *edge),
            Input::Stt(Stt::Final { text, .. } | Stt::EndOfTurn { text: Some(text) }) if !text.is_empty() => {
                self.heard.final_transcript = Some(now);
            }
            Input::Think { id, event } => self.think(now, *id, event),
            Input::Say { id, event } => self.say(now, *id, event),
            _ => {}
        }
    }

    fn vad(&mut self, now: CallTime, edge: Vad) {
        match edge {
            Vad::Started { speech_ms } => {
                self.speaking = true;
                self.heard.speech_start = self.heard.speech_start.or(Some(now - speech_ms));
            }
            Vad::Ended { silence_ms } => {
                self.speaking = false;
                self.heard.speech_end = Some(now - silence_ms);
                self.heard.vad_stop = Some(now);
            }
            Vad::Hushed { silence_ms } => self.heard.speech_end = Some(now - silence_ms),
            Vad::Resumed { .. } => {}
        }
    }

    fn think(&mut self, now: CallTime, id: ThinkId, event: &ThinkEvent) {
        if let ThinkEvent::Done(usage) = event {
            let sum = self.open.as_mut().map_or(&mut self.usage, |t| &mut t.usage);
            sum.input_tokens += usage.input_tokens;
            sum.cached_tokens += usage.cached_tokens;
            sum.output_tokens += usage.output_tokens;
        }
        let token = matches!(event, ThinkEvent::Delta(_) | ThinkEvent::ToolCall { .. });
        if token && self.think == Some(id) && self.first_token.is_none() {
            self.first_token = Some(now);
            if let Some(turn) = &mut self.open {
                turn.anchors.llm_first_token = turn.anchors.llm_first_token.or(Some(now));
            }
        }
    }

    fn say(&mut self, now: CallTime, id: SayId, event: &SayEvent) {
        let Some(&(_, kind)) = self.says.iter().find(|(say, _)| *say == id) else { return };
        let Some(turn) = &mut self.open else { return };
        match event {
            SayEvent::FirstByte if kind == SayKind::Reply => {
                turn.anchors.tts_first_byte = turn.anchors.tts_first_byte.or(Some(now));
            }
            SayEvent::Started if kind == SayKind::Reply => {
                turn.anchors.audio_first_nonsilent_sample_sent =
                    turn.anchors.audio_first_nonsilent_sample_sent.or(Some(now));
            }
            SayEvent::Started if matches!(kind, SayKind::Filler | SayKind::Apology) => self.filled = true,
            _ => {}
        }
    }

    pub(crate) fn output(&mut self, now: CallTime, output: &Output) -> Option<TurnTrace> {
        match output {
            Output::Think(request) => {
                self.think = Some(request.id);
                self.early = request.speculative;
                self.first_token = None;
            }
            Output::CancelThink { id } if self.think == Some(*id) => {
                self.think = None;
                self.first_token = None;
            }
            Output::Say(chunk) => {
                if !self.says.iter().any(|(say, _)| *say == chunk.id) {
                    self.says.push((chunk.id, chunk.kind));
                }
                if let Some(turn) = self.open.as_mut().filter(|_| chunk.kind == SayKind::Reply) {
                    turn.anchors.first_sentence = turn.anchors.first_sentence.or(Some(now));
                }
            }
            Output::Explain(e) => return self.explain(now, e),
            Output::Committed(item) if matches!(item.message, Message::User { .. }) => self.forget_caller(),
            Output::State(change) if change.who == Who::User && change.to == State::Away => {
                self.forget_if_silent()
            }
            _ => {}
        }
        None
    }

    fn explain(&mut self, now: CallTime, e: &Explain) -> Option<TurnTrace> {
        match (e.decision, e.turn) {
            (Decision::TurnCommitted, Some(turn)) => {
                self.begin(now, turn);
                None
            }
            (Decision::TurnClosed, Some(turn)) if self.open.as_ref().is_some_and(|t| t.turn == turn) => {
                self.open.take().map(|trace| self.complete(trace, &e.rule))
            }
            (Decision::TurnDropped | Decision::Resumed, _) => {
                self.forget_if_silent();
                None
            }
            _ => None,
        }
    }

    /// A turn is committed: what was heard so far belongs to it, what the early request brought too.
    fn begin(&mut self, now: CallTime, turn: TurnId) {
        let mut anchors = self.heard;
        anchors.turn_commit = Some(now);
        // An answer that was adopted; any other one is that of the turn before.
        anchors.llm_first_token = self.first_token.filter(|_| std::mem::take(&mut self.early));
        self.filled = false;
        let usage = std::mem::take(&mut self.usage);
        let (deltas, outcome) = (Deltas::default(), TurnOutcome::NoReply);
        self.open = Some(TurnTrace { turn, anchors, deltas, critical_path: None, outcome, usage });
    }

    fn forget_caller(&mut self) {
        let newer = self.heard.speech_start.filter(|_| self.speaking);
        self.heard = Anchors { speech_start: newer, ..Anchors::default() };
    }

    fn forget_if_silent(&mut self) {
        if !self.speaking {
            self.heard = Anchors::default();
        }
    }

    fn complete(&self, mut trace: TurnTrace, rule: &str) -> TurnTrace {
        trace.outcome = match rule {
            _ if trace.anchors.audio_first_nonsilent_sample_sent.is_some() => TurnOutcome::Replied,
            "ended" => TurnOutcome::Ended,
            _ if self.filled => TurnOutcome::FilledOnly,
            "superseded" => TurnOutcome::Superseded,
            _ => TurnOutcome::NoReply,
        };
        trace.deltas = deltas(&trace.anchors);
        trace.critical_path = critical_path(&trace.deltas);
        trace
    }
}

/// Differences of the anchors. The stale-anchor rule: delays from the end of speech exist only when start,
/// end and final are known and the end is not before the start (livekit `voice/audio_recognition.py`).
fn deltas(a: &Anchors) -> Deltas {
    let between = |from: Option<CallTime>, to: Option<CallTime>| Some(to?.since(from?));
    let fresh_end = match (a.speech_start, a.speech_end, a.final_transcript) {
        (Some(start), Some(end), Some(_)) if end >= start => Some(end),
        _ => None,
    };
    let text_from = a.llm_first_token.max(a.turn_commit);
    Deltas {
        transcription_ms: between(fresh_end, a.final_transcript),
        end_of_turn_ms: between(fresh_end, a.turn_commit),
        llm_ttft_ms: between(a.turn_commit, a.llm_first_token),
        first_sentence_ms: a.llm_first_token.and_then(|_| between(text_from, a.first_sentence)),
        tts_ttfb_ms: between(a.first_sentence, a.tts_first_byte),
        playout_ms: between(a.tts_first_byte, a.audio_first_nonsilent_sample_sent),
        e2e_ms: between(fresh_end, a.audio_first_nonsilent_sample_sent),
    }
}

/// The largest stage. Waiting for the recogniser and waiting for the caller overlap: the transcript counts
/// only when it alone filled the wait.
fn critical_path(d: &Deltas) -> Option<Stage> {
    let transcript_was_last = d.transcription_ms.is_some() && d.transcription_ms == d.end_of_turn_ms;
    let first = if transcript_was_last { Stage::Transcription } else { Stage::EndOfTurn };
    let stages = [
        (d.end_of_turn_ms, first),
        (d.llm_ttft_ms, Stage::Llm),
        (d.first_sentence_ms, Stage::Sentence),
        (d.tts_ttfb_ms, Stage::Tts),
        (d.playout_ms, Stage::Playout),
    ];
    d.e2e_ms?;
    let longest = stages.iter().filter_map(|&(ms, stage)| Some((ms?, stage))).rev().max_by_key(|&(ms, _)| ms);
    longest.map(|(_, stage)| stage)
}
