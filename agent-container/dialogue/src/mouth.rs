//! The agent's mouth: one speech sounds at a time, the others wait their turn.

use crate::speech::{Hold, Speech};
use crate::{
    Decision, Dialogue, Failure, LiveCommand, Message, Mind, Output, SayChunk, SayEvent, SayId, SayKind,
    Timer, TurnId,
};

impl Dialogue {
    pub(crate) fn prepare_greeting(&mut self) {
        if self.config.greeting.trim().is_empty() || self.config.mind == Mind::Live {
            return;
        }
        let text = self.config.greeting.clone();
        let id = self.open_speech(SayKind::Greeting, None);
        let interruptible = self.config.greeting_interruptible;
        if let Some(speech) = self.speech(id) {
            speech.interruptible = interruptible;
        }
        self.say_more(id, &text, true);
    }

    /// Says words of the configuration. Nothing when they are empty.
    pub(crate) fn say_phrase(&mut self, kind: SayKind, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if self.config.mind == Mind::Live {
            return self.live_say(&text);
        }
        let turn = self.turn;
        let id = self.open_speech(kind, turn);
        if let Some(speech) = self.speech(id) {
            speech.interruptible = kind != SayKind::Goodbye;
        }
        self.say_more(id, &text, true);
    }

    /// A new speech behind the others.
    pub(crate) fn open_speech(&mut self, kind: SayKind, turn: Option<TurnId>) -> SayId {
        let id = SayId(self.ids.say.next());
        let speech = Speech::new(id, kind, turn, self.now);
        self.speeches.push_back(speech);
        id
    }

    pub(crate) fn speech(&mut self, id: SayId) -> Option<&mut Speech> {
        self.speeches.iter_mut().find(|s| s.id == id)
    }

    /// More text for a speech.
    pub(crate) fn say_more(&mut self, id: SayId, text: &str, end: bool) {
        let Some(speech) = self.speech(id).filter(|s| !s.closed) else { return };
        if !text.is_empty() {
            speech.text = crate::caller::join(&speech.text, text);
        }
        speech.closed |= end;
        let (kind, fallback) = (speech.kind, speech.fallback);
        self.emit(Output::Say(SayChunk { id, kind, text: text.to_owned(), end, fallback }));
    }

    pub(crate) fn hold_front(&mut self, hold: Hold, on: bool) {
        if let Some(front) = self.speeches.front_mut() {
            front.set(hold, on);
        }
        self.apply_holds();
    }

    /// Who may sound: draws every speech's holds from the state, tells the driver what changed.
    pub(crate) fn assign_floor(&mut self) {
        let ringing = self.phase == crate::dialogue::Phase::Ringing;
        let caller_first = self.caller.has_floor() || self.caller.has_words();
        let has_floor = self.caller.has_floor();
        let gap = self.speech_gap();
        let lost = self.line_lost;
        let enabled = self.config.turns.interruption.enabled;
        for (i, s) in self.speeches.iter_mut().enumerate() {
            let fresh = s.started.is_none();
            let polite = enabled && s.interruptible;
            let yields = if s.kind == SayKind::Greeting { has_floor } else { caller_first };
            s.set(Hold::Queue, i > 0);
            s.set(Hold::Ringing, ringing);
            s.set(Hold::Caller, fresh && polite && yields);
            s.set(Hold::Gap, fresh && gap);
            s.set(Hold::Line, lost);
        }
        self.apply_holds();
        self.time_playout();
    }

    fn speech_gap(&mut self) -> bool {
        let gap = self.config.turns.limits.min_speech_gap_ms;
        let Some(end) = self.last_speech_end.map(|e| e + gap).filter(|&e| e > self.now) else { return false };
        if !self.speeches.is_empty() {
            self.timers.set(Timer::SpeechGap, end);
        }
        true
    }

    fn apply_holds(&mut self) {
        let mut changes = Vec::new();
        for s in &mut self.speeches {
            if s.hushed || s.is_held() == s.held {
                continue;
            }
            s.held = s.is_held();
            if s.held {
                s.stop_clock(self.now);
                changes.push(Output::Pause { id: s.id });
            } else {
                s.start_clock(self.now);
                s.free_since = self.now;
                changes.push(Output::Resume { id: s.id });
            }
        }
        for change in changes {
            self.emit(change);
        }
    }

    /// Stops every speech that may be stopped.
    pub(crate) fn hush_all(&mut self) {
        let enabled = self.config.turns.interruption.enabled;
        let ids: Vec<SayId> =
            self.speeches.iter().filter(|s| enabled && s.interruptible && !s.hushed).map(|s| s.id).collect();
        for id in ids {
            self.hush(id);
        }
    }

    pub(crate) fn hush(&mut self, id: SayId) {
        let now = self.now;
        let Some(speech) = self.speech(id).filter(|s| !s.hushed) else { return };
        speech.stop_clock(now);
        speech.hushed = true;
        speech.closed = true;
        self.emit(Output::Hush { id });
        self.timers.set(Timer::Hush, self.now + self.config.turns.limits.hush_ms);
    }

    pub(crate) fn on_say(&mut self, id: SayId, event: SayEvent) {
        let now = self.now;
        let Some(speech) = self.speech(id) else {
            return self.explain(Decision::Stale, "say", [("id", f64::from(id.0))]);
        };
        match event {
            SayEvent::FirstByte => {}
            SayEvent::Words(words) => speech.hear_words(words),
            SayEvent::Synthesised { duration_ms } => speech.duration_ms = Some(duration_ms),
            SayEvent::Started => self.began(id),
            SayEvent::Progress { position_ms } => speech.correct_position(now, position_ms),
            SayEvent::Finished { position_ms } => self.finished(id, position_ms),
            SayEvent::SynthesisFailed(failure) => self.synthesis_failed(id, &failure),
        }
    }

    fn began(&mut self, id: SayId) {
        let now = self.now;
        let caller_speaks = self.caller.segment.is_some();
        let Some(speech) = self.speech(id) else { return };
        if speech.hushed {
            return;
        }
        speech.begin(now);
        if speech.is_held() {
            speech.stop_clock(now);
        }
        let kind = speech.kind;
        self.pauses.agent_began(now, caller_speaks);
        if kind == SayKind::Reply && self.reply.as_ref().is_none_or(|r| r.say == Some(id)) {
            self.waits.paid();
        }
        self.overridden = false;
        self.time_barge_in();
    }

    /// Playout of a speech is over; the caller heard it up to `position_ms`.
    pub(crate) fn finished(&mut self, id: SayId, position_ms: u64) {
        let Some(at) = self.speeches.iter().position(|s| s.id == id) else { return };
        if self.came_to_nothing(at) {
            return;
        }
        let Some(speech) = self.speeches.remove(at) else { return };
        let whole = !speech.hushed && !speech.failed && speech.started.is_some();
        let rate = self.config.turns.text.syllables_per_s;
        let heard = if whole { speech.text.clone() } else { speech.heard(position_ms, rate) };
        if speech.started.is_some() {
            self.last_said.clone_from(&heard);
        }
        if !heard.trim().is_empty() {
            self.commit(Message::Assistant { text: heard }, speech.hushed);
        }
        for message in &speech.then {
            self.commit(message.clone(), false);
        }
        if speech.started.is_some() {
            self.last_speech_end = Some(self.now);
            self.waits.refresh(self.now);
        }
        if let Some(item) = speech.item.as_ref().filter(|_| speech.hushed) {
            self.truncate_live(item.clone(), position_ms, speech.started.is_some());
        }
        self.spoken(&speech);
        if self.speeches.iter().all(|s| !s.hushed) {
            self.timers.clear(Timer::Hush);
            self.retry_deferred();
        }
    }

    /// A voice that ends without a sound and without a word of failure is a failure all the same.
    fn came_to_nothing(&mut self, at: usize) -> bool {
        let speech = &self.speeches[at];
        let nothing = speech.started.is_none() && !speech.hushed && !speech.failed && speech.item.is_none();
        if !nothing || speech.text.is_empty() {
            return false;
        }
        let (id, fallback) = (speech.id, speech.fallback);
        self.explain(Decision::Watchdog, "voice_without_sound", [("id", f64::from(id.0))]);
        if fallback {
            self.speeches.remove(at);
            self.voice_is_gone();
        } else {
            self.say_again(id);
            // Its end was just reported: nothing more is to come for it.
            self.speeches.retain(|s| s.id != id);
        }
        true
    }

    /// Consequences of a speech's end.
    fn spoken(&mut self, speech: &Speech) {
        self.timers.clear(Timer::Playout);
        if speech.started.is_some() {
            self.judge_unaccepted(speech.hushed);
        }
        if speech.kind == SayKind::Filler {
            self.timers.clear(Timer::ToolFiller);
        }
        self.close_live_turn(speech);
    }

    /// A hushed speech did not say how far it came: our own clock must do.
    pub(crate) fn hush_is_late(&mut self) {
        let late: Vec<(SayId, u64)> =
            self.speeches.iter().filter(|s| s.hushed).map(|s| (s.id, s.position_ms(self.now))).collect();
        for (id, position_ms) in late {
            self.explain(Decision::Stale, "hush_late", [("id", f64::from(id.0))]);
            self.finished(id, position_ms);
        }
    }

    fn time_playout(&mut self) {
        self.timers.clear(Timer::Playout);
        let Some(front) = self.speeches.front().filter(|s| !s.hushed && !s.held) else { return };
        let silent = front.started.is_none() && front.item.is_none() && !front.text.is_empty();
        let late = if silent {
            Some(front.free_since + STUCK_VOICE_MS)
        } else {
            let stall_ms = self.config.turns.watchdog.filler_ms.unwrap_or(PLAYOUT_GRACE_MS);
            let dry =
                front.runs_dry_at(self.config.turns.text.syllables_per_s).filter(|_| front.item.is_none());
            front.ends_at().map(|at| at + PLAYOUT_GRACE_MS).or(dry.map(|at| at + stall_ms))
        };
        if let Some(at) = late {
            self.timers.set(Timer::Playout, at);
        }
    }

    /// The driver never said that the speech began, or ended.
    pub(crate) fn playout_is_late(&mut self) {
        let Some(front) = self.speeches.front() else { return };
        if front.started.is_none() {
            let (id, fallback) = (front.id, front.fallback);
            self.explain(Decision::Watchdog, "silent_voice", [("id", f64::from(id.0))]);
            if fallback {
                self.hush(id);
                return self.voice_is_gone();
            }
            return self.say_again(id);
        }
        if !front.closed {
            return self.model_stalled(front.id);
        }
        let (id, position_ms) = (front.id, front.duration_ms.unwrap_or(0));
        self.explain(Decision::Stale, "playout_late", [("id", f64::from(id.0))]);
        self.emit(Output::Hush { id });
        self.finished(id, position_ms);
    }

    /// All words are spoken and the model owes more: what there is must do.
    fn model_stalled(&mut self, id: SayId) {
        self.explain(Decision::Watchdog, "model_stalled", [("id", f64::from(id.0))]);
        if let Some(reply) = self.reply.as_mut().filter(|r| r.say == Some(id)) {
            reply.thought = true;
            if let Some(think) = reply.think.take() {
                self.emit(Output::CancelThink { id: think });
            }
        }
        self.say_more(id, "", true);
    }

    /// The voice failed. What was heard stays; what nobody heard is said by the fallback, once.
    fn synthesis_failed(&mut self, id: SayId, failure: &Failure) {
        let rule = format!("voice_{:?}", failure.kind).to_lowercase();
        self.explain(Decision::Watchdog, &rule, [("id", f64::from(id.0))]);
        let Some(speech) = self.speech(id) else { return };
        speech.failed = true;
        if speech.started.is_some() || speech.hushed {
            return;
        }
        if speech.fallback {
            self.hush(id);
            return self.voice_is_gone();
        }
        self.say_again(id);
    }

    /// The same words once more, as a new speech of the fallback vendor. Speeches behind it are said again,
    /// too: the driver plays them in the order in which they were first mentioned.
    pub(crate) fn say_again(&mut self, id: SayId) {
        let Some(at) = self.speeches.iter().position(|s| s.id == id) else { return };
        let fresh: Vec<usize> = (at..self.speeches.len())
            .filter(|&i| self.speeches[i].started.is_none() && !self.speeches[i].hushed)
            .collect();
        for i in fresh {
            let again = SayId(self.ids.say.next());
            let old = &mut self.speeches[i];
            let mut new = Speech::new(again, old.kind, old.turn, self.now);
            new.since = old.since;
            new.interruptible = old.interruptible;
            new.fallback = true;
            new.then = std::mem::take(&mut old.then);
            new.set(Hold::Speculative, old.has(Hold::Speculative));
            let (old_id, text, closed) = (old.id, std::mem::take(&mut old.text), old.closed);
            self.speeches.push_back(new);
            self.hush(old_id);
            if let Some(reply) = self.reply.as_mut().filter(|r| r.say == Some(old_id)) {
                reply.say = Some(again);
            }
            self.say_more(again, &text, closed);
        }
    }

    /// At the end of the call: what was heard enters the history by our own clock.
    pub(crate) fn settle_accounts(&mut self) {
        let rate = self.config.turns.text.syllables_per_s;
        for speech in std::mem::take(&mut self.speeches) {
            let heard = speech.heard(speech.position_ms(self.now), rate);
            if !heard.is_empty() {
                self.commit(Message::Assistant { text: heard }, true);
            }
            for message in speech.then {
                self.commit(message, false);
            }
        }
        self.commit_done_calls();
        self.file_transfer();
        let open = self.toolbox.open_writes(self.reply.take());
        crate::toolbox::pairs(&open).into_iter().for_each(|m| self.commit(m, false));
    }

    pub(crate) fn truncate_live(&mut self, item: String, position_ms: u64, started: bool) {
        let command = if position_ms > 0 && started {
            LiveCommand::Truncate { item, audio_end_ms: position_ms }
        } else {
            LiveCommand::Delete { item }
        };
        self.emit(Output::Live(command));
    }
}

/// How much later than computed a speech may end (buffers of the road).
const PLAYOUT_GRACE_MS: u64 = 5000;
/// A voice that gave no sound for this long, its driver's own fallbacks included, is not going to.
const STUCK_VOICE_MS: u64 = 6000;
