//! A call in virtual time: fake VAD, recogniser, model, voice, playout, tools and road around a real dialogue.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use dialogue::{
    AskId, CallTime, Dialogue, Failure, FailureKind, HistoryItem, Input, JournalLine, LiveCommand, Message,
    Output, SayEvent, SayId, Stt, ThinkEvent, ThinkId, ThinkRequest, ToolId, ToolResult, TransferResult,
    TurnAnswer, Usage, Vad,
};

use crate::caller;
use crate::playout::{Heard, Playout};
use crate::script::{ModelLine, Script, ToolLine, TransferLine, TurnModelLine};

/// What a call left behind.
#[derive(Debug)]
pub struct Recording {
    /// Header, inputs and outputs in order.
    pub journal: Vec<JournalLine>,
    /// The dialogue's history at the end.
    pub history: Vec<HistoryItem>,
    /// What the caller heard of each speech, by the fake playout's own count.
    pub heard: Vec<Heard>,
    /// When the agent was audible: from, to (ms).
    pub audible: Vec<(u64, u64)>,
    /// When the caller made a sound: from, to (ms).
    pub voiced: Vec<(u64, u64)>,
    /// When the simulation ended, or the dialogue left.
    pub end_ms: u64,
}

/// The simulation.
#[derive(Debug)]
struct World<'a> {
    script: &'a Script,
    dialogue: Dialogue,
    now: u64,
    queue: BTreeMap<(u64, u64), Step>,
    seq: u64,
    journal: Vec<JournalLine>,
    playouts: HashMap<SayId, Playout>,
    /// Speeches in the order in which they were first mentioned, which is the order they play in.
    order: Vec<SayId>,
    heard: Vec<Heard>,
    audible: Vec<(u64, u64)>,
    cancelled_thinks: HashSet<ThinkId>,
    cancelled_tools: HashSet<ToolId>,
    model: Vec<ModelLine>,
    tools: Vec<ToolLine>,
    transfers: VecDeque<TransferLine>,
    turn_model: VecDeque<TurnModelLine>,
    tts_failures: u32,
    /// Whole utterances: audio up to here is in one already.
    heard_ms: u64,
}

#[derive(Debug)]
enum Step {
    Input(Input),
    Think(ThinkId, ThinkEvent),
    Tool(ToolId, ToolResult),
    Playout(SayId, u64, Beat),
}

/// Moments of a playout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beat {
    FirstByte,
    Synthesised,
    Start,
    Finish,
}

/// Runs a script to its end.
///
/// # Errors
///
/// The configuration's first field that makes no sense.
pub fn run(script: &Script) -> Result<Recording, dialogue::ConfigError> {
    let dialogue = Dialogue::new(script.config.clone())?;
    let mut world = World {
        script,
        dialogue,
        now: 0,
        queue: BTreeMap::new(),
        seq: 0,
        journal: vec![JournalLine::header("scenario", "1970-01-01T00:00:00Z", script.config.clone())],
        playouts: HashMap::new(),
        order: Vec::new(),
        heard: Vec::new(),
        audible: Vec::new(),
        cancelled_thinks: HashSet::new(),
        cancelled_tools: HashSet::new(),
        model: script.model.clone(),
        tools: script.tools.clone(),
        transfers: script.transfers.clone().into(),
        turn_model: script.turn_model.clone(),
        tts_failures: script.tts.failures,
        heard_ms: 0,
    };
    world.schedule_script();
    world.drain();
    world.play();
    Ok(world.finish())
}

impl World<'_> {
    fn schedule_script(&mut self) {
        for (at_ms, input) in caller::inputs(self.script) {
            self.at(at_ms, Step::Input(input));
        }
    }

    fn at(&mut self, ms: u64, step: Step) {
        self.seq += 1;
        self.queue.insert((ms.max(self.now), self.seq), step);
    }

    fn play(&mut self) {
        while !self.dialogue.is_over() {
            let step = self.queue.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.dialogue.deadline().map(|(at, _)| at.as_ms());
            let Some(next) = step.into_iter().chain(deadline).min().filter(|&at| at <= self.script.end_ms)
            else {
                return;
            };
            self.now = next.max(self.now);
            if step == Some(next)
                && let Some((_, step)) = self.queue.pop_first()
            {
                self.take(step);
            } else {
                self.input(Input::Wake);
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Input(input) => {
                let over = matches!(input, Input::Vad(Vad::Ended { .. }));
                self.input(input);
                if over {
                    self.finalise();
                }
            }
            Step::Think(id, event) if !self.cancelled_thinks.contains(&id) => {
                self.input(Input::Think { id, event })
            }
            Step::Tool(id, result) if !self.cancelled_tools.contains(&id) => {
                self.input(Input::Tool { id, result })
            }
            Step::Playout(id, epoch, beat) => self.beat(id, epoch, beat),
            Step::Think(..) | Step::Tool(..) => {}
        }
    }

    fn input(&mut self, input: Input) {
        let at = CallTime::from_ms(self.now);
        self.journal.push(JournalLine::In { at, input: input.clone() });
        self.dialogue.handle(at, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.dialogue.poll() {
            let at = CallTime::from_ms(self.now);
            self.journal.push(JournalLine::Out { at, output: output.clone() });
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Think(request) => self.think(&request),
            Output::CancelThink { id } => {
                self.cancelled_thinks.insert(id);
            }
            Output::Say(chunk) => self.say(chunk.id, &chunk.text, chunk.end),
            Output::Pause { id } => self.hold(id, true),
            Output::Resume { id } => self.hold(id, false),
            Output::Hush { id } => self.hush(id),
            Output::RunTool(run) => self.run_tool(run.id, &run.name),
            Output::CancelTool { id } => {
                self.cancelled_tools.insert(id);
            }
            Output::FlushStt => self.finalise(),
            Output::HearSoFar => {
                let text = caller::words_within(self.script, self.heard_ms, self.now);
                self.at(self.now + self.script.stt.delay_ms, Step::Input(Input::Stt(Stt::SoFar { text })));
            }
            Output::AskTurnModel { id, .. } => self.judge_turn(id),
            Output::Transfer { id, .. } => {
                let line = self.transfers.pop_front();
                let line =
                    line.unwrap_or(TransferLine { after_ms: Some(1000), result: TransferResult::Done });
                if let Some(after) = line.after_ms {
                    self.at(self.now + after, Step::Input(Input::Transfer { id, result: line.result }));
                }
            }
            Output::Live(LiveCommand::Play { item, say }) => self.play_item(say, &item),
            _ => {}
        }
    }

    /// The end of an utterance, for a recogniser that gets whole ones.
    fn finalise(&mut self) {
        if !self.script.stt.whole {
            return;
        }
        let text = caller::words_within(self.script, self.heard_ms, self.now);
        self.heard_ms = self.now;
        let event = match text.is_empty() {
            true => Stt::EndOfTurn { text: None },
            false => Stt::Final { text, speech_final: true },
        };
        self.at(self.now + self.script.stt.delay_ms, Step::Input(Input::Stt(event)));
    }

    /// The end-of-turn model's answers come in the script's order; the last one repeats.
    fn judge_turn(&mut self, id: AskId) {
        let Some(line) = self.turn_model.front().copied() else { return };
        if self.turn_model.len() > 1 {
            self.turn_model.pop_front();
        }
        let judged = TurnAnswer::Judged { probability: line.probability, cost_ms: line.after_ms };
        let answer = line.skip.map_or(judged, TurnAnswer::Skipped);
        self.at(self.now + line.after_ms, Step::Input(Input::TurnModel { id, answer }));
    }

    // ---- model and tools ------------------------------------------------------------------------------

    fn think(&mut self, request: &ThinkRequest) {
        let last = request.messages.last().map(|m| match m {
            Message::User { text } | Message::Assistant { text } | Message::System { text } => text.clone(),
            Message::ToolOutput { output, .. } => output.clone(),
            Message::ToolCalls { .. } => String::new(),
        });
        let fits = |line: &ModelLine| line.when.as_ref().is_none_or(|when| Some(when) == last.as_ref());
        let found = self.model.iter().position(fits);
        let line = found.map(|i| self.model[i].clone()).unwrap_or_default();
        if let Some(i) = found.filter(|_| line.once) {
            self.model.remove(i);
        }
        if line.silent {
            return;
        }
        let (id, now) = (request.id, self.now);
        let ttft = line.ttft_ms.unwrap_or(self.script.llm.ttft_ms);
        let duration = line.duration_ms.unwrap_or(self.script.llm.duration_ms).max(ttft);
        if let Some(kind) = line.fails {
            self.at(now + ttft, Step::Think(id, ThinkEvent::Failed(Failure::new(kind, "script"))));
            return;
        }
        if !line.text.is_empty() {
            self.at(now + ttft, Step::Think(id, ThinkEvent::Delta(line.text.clone())));
        }
        for (i, (name, arguments)) in line.calls.iter().enumerate() {
            let (name, arguments) = (name.clone(), arguments.clone());
            let vendor_id = format!("call_{}_{i}", id.0);
            self.at(now + duration, Step::Think(id, ThinkEvent::ToolCall { vendor_id, name, arguments }));
        }
        self.at(now + duration, Step::Think(id, ThinkEvent::Done(Usage::default())));
    }

    /// A tool's lines are its runs in order; the last one repeats.
    fn run_tool(&mut self, id: ToolId, name: &str) {
        let Some(at) = self.tools.iter().position(|t| t.name == name) else { return };
        let is_last = self.tools.iter().skip(at + 1).all(|t| t.name != name);
        let tool = if is_last { self.tools[at].clone() } else { self.tools.remove(at) };
        let gives = tool.gives.clone();
        let result = if tool.error { ToolResult::Error(gives) } else { ToolResult::Ok(gives) };
        if let Some(takes) = tool.takes_ms {
            self.at(self.now + takes, Step::Tool(id, result));
        }
    }

    // ---- voice and playout ----------------------------------------------------------------------------

    fn say(&mut self, id: SayId, text: &str, end: bool) {
        let now = self.now;
        let fresh = !self.playouts.contains_key(&id);
        if fresh {
            self.order.push(id);
        }
        let playout = self.playouts.entry(id).or_insert_with(|| Playout::new(now));
        playout.add(now, text, end, self.script);
        if fresh {
            let ready = playout.ready_ms;
            if self.tts_failures > 0 {
                self.tts_failures -= 1;
                let failed = SayEvent::SynthesisFailed(Failure::new(FailureKind::Disconnected, "script"));
                self.at(ready, Step::Input(Input::Say { id, event: failed }));
                self.at(ready, Step::Playout(id, u64::MAX, Beat::Finish));
                self.playouts.entry(id).and_modify(|p| p.mute = true);
                return;
            }
            if self.script.tts.silent {
                playout.mute = true;
                return;
            }
            self.at(ready, Step::Playout(id, u64::MAX, Beat::FirstByte));
        }
        if end && !self.playouts[&id].mute {
            let at = self.playouts[&id].ready_ms.max(now);
            self.at(at, Step::Playout(id, u64::MAX, Beat::Synthesised));
        }
        self.plan(id);
    }

    fn play_item(&mut self, id: SayId, item: &str) {
        let now = self.now;
        let mut playout = Playout::new(now);
        playout.whole(now, self.script.voices.iter().find(|v| v.text == item).map_or(2000, |v| v.audio_ms));
        self.playouts.insert(id, playout);
        self.order.push(id);
        self.plan(id);
    }

    fn hold(&mut self, id: SayId, held: bool) {
        let now = self.now;
        if let Some(playout) = self.playouts.get_mut(&id) {
            if let Some(span) = playout.hold(now, held) {
                self.audible.push(span);
            }
            self.plan(id);
        }
    }

    fn hush(&mut self, id: SayId) {
        let now = self.now;
        if let Some(playout) = self.playouts.get_mut(&id).filter(|p| !p.finished) {
            let span = playout.stop(now);
            self.audible.extend(span);
            self.finished(id);
        }
    }

    /// Sets the next moment of a playout.
    fn plan(&mut self, id: SayId) {
        let now = self.now;
        let Some(playout) = self.playouts.get_mut(&id).filter(|p| !p.mute && !p.finished) else { return };
        playout.epoch += 1;
        let epoch = playout.epoch;
        let is_first = self.order.iter().find(|i| !self.playouts[i].finished) == Some(&id);
        let Some(playout) = self.playouts.get_mut(&id) else { return };
        if let Some(at) = playout.starts_ms(now).filter(|_| is_first) {
            self.at(at, Step::Playout(id, epoch, Beat::Start));
        } else if let Some(at) = self.playouts[&id].ends_ms() {
            self.at(at, Step::Playout(id, epoch, Beat::Finish));
        }
    }

    fn beat(&mut self, id: SayId, epoch: u64, beat: Beat) {
        let now = self.now;
        let Some(playout) = self.playouts.get_mut(&id).filter(|p| !p.finished) else { return };
        if epoch != u64::MAX && epoch != playout.epoch {
            return;
        }
        match beat {
            Beat::FirstByte => self.input(Input::Say { id, event: SayEvent::FirstByte }),
            Beat::Synthesised => {
                let duration_ms = playout.length_ms;
                let words = self.script.tts.word_times.then(|| playout.word_times());
                if let Some(words) = words {
                    self.input(Input::Say { id, event: SayEvent::Words(words) });
                }
                self.input(Input::Say { id, event: SayEvent::Synthesised { duration_ms } });
            }
            Beat::Start => {
                playout.start(now);
                self.plan(id);
                self.input(Input::Say { id, event: SayEvent::Started });
            }
            Beat::Finish => {
                let span = playout.stop(now);
                self.audible.extend(span);
                self.finished(id);
            }
        }
    }

    /// Playout is over; the dialogue hears of it in its turn.
    fn finished(&mut self, id: SayId) {
        let Some(playout) = self.playouts.get_mut(&id) else { return };
        playout.finished = true;
        self.heard.push(playout.heard(id));
        let next = self.order.iter().copied().find(|i| !self.playouts[i].finished);
        if let Some(next) = next {
            self.plan(next);
        }
        let Some(playout) = self.playouts.get(&id) else { return };
        let event = SayEvent::Finished { position_ms: playout.played_ms };
        self.at(self.now, Step::Input(Input::Say { id, event }));
    }

    fn finish(mut self) -> Recording {
        let mut open: Vec<SayId> =
            self.playouts.iter().filter(|(_, p)| !p.finished).map(|(id, _)| *id).collect();
        open.sort();
        for id in open {
            let Some(playout) = self.playouts.get_mut(&id) else { continue };
            self.audible.extend(playout.stop(self.now));
            if self.dialogue.is_over() {
                self.heard.push(playout.heard(id));
            }
        }
        let end_ms = if self.dialogue.is_over() { self.now } else { self.script.end_ms };
        Recording {
            history: self.dialogue.history().to_vec(),
            journal: self.journal,
            heard: self.heard,
            audible: self.audible,
            voiced: caller::voiced(self.script),
            end_ms,
        }
    }
}
