//! The caller talks while the agent speaks: pause, resume, or give way.

use crate::hearing::ms;
use crate::speech::{Hold, Speech};
use crate::words::count;
use crate::{Decision, Dialogue, Mind, Output, SayKind, Timer};

impl Dialogue {
    pub(crate) fn may_interrupt(&self, speech: &Speech) -> bool {
        self.config.turns.interruption.enabled && speech.interruptible
    }

    /// Words that interrupt a speech of this kind.
    pub(crate) fn min_words(&self, kind: SayKind) -> u32 {
        let i = &self.config.turns.interruption;
        let limit = i.words_after_false_alarms;
        let noisy =
            limit > 0 && self.waits.false_alarms >= limit && self.config.turns.recogniser.streams_words;
        let usual = i.min_words.max(u32::from(noisy));
        if kind == SayKind::Greeting { usual.max(i.greeting_min_words) } else { usual }
    }

    /// While the caller's voice goes on: when it has lasted long enough to matter.
    pub(crate) fn time_barge_in(&mut self) {
        if self.config.mind == Mind::Live {
            return;
        }
        let i = &self.config.turns.interruption;
        let Some(segment) = self.caller.segment.filter(|s| !s.noise) else { return };
        let Some(at) = segment.reaches(i.min_duration_ms) else { return };
        let begun = self.speeches.front().and_then(|s| s.started);
        let after_dead_time = begun
            .map(|b| b + i.dead_time_ms)
            .filter(|&end| segment.start < end)
            .map_or(at, |end| at.max(end + i.min_duration_ms));
        self.timers.set(Timer::BargeIn, after_dead_time.max(self.now));
    }

    /// The caller's voice lasted.
    pub(crate) fn voice_lasted(&mut self) {
        let Some(front) = self.speeches.front() else { return };
        if front.started.is_none() {
            self.overridden = !front.hushed && self.may_interrupt(front) && front.kind != SayKind::Greeting;
            return;
        }
        self.consider_barge_in(false);
    }

    /// Voice or words while the agent speaks. `is_final`: the words will not change.
    pub(crate) fn consider_barge_in(&mut self, is_final: bool) {
        let Some(front) = self.speeches.front().filter(|s| s.is_begun()) else { return };
        let (kind, paused) = (front.kind, front.has(Hold::BargeIn));
        let i = &self.config.turns.interruption;
        let voiced = self.caller.segment.map_or(0, |s| s.voiced_ms(self.now));
        let words = self.caller.words();
        let in_dead_time = front.started.is_some_and(|s| self.now < s + i.dead_time_ms);
        let refusal = if !self.may_interrupt(front) {
            Some("uninterruptible")
        } else if !is_final && in_dead_time {
            Some("dead_time")
        } else if !is_final && voiced < i.min_duration_ms {
            Some("min_duration")
        } else if count(&words) < self.min_words(kind) {
            Some("min_words")
        } else if self.is_backchannel(&words) {
            Some("backchannel")
        } else if self.is_echo(&words) {
            Some("echo")
        } else {
            None
        };
        let numbers = [("voiced_ms", ms(voiced)), ("words", f64::from(count(&words)))];
        match refusal {
            Some(rule) => {
                if is_final || rule != "min_duration" {
                    self.explain(Decision::NotInterrupted, rule, numbers);
                }
                if paused && matches!(rule, "backchannel" | "echo") {
                    self.release_pause(rule);
                }
            }
            None if !is_final && self.config.road.pausable && self.config.turns.interruption.resume => {
                if !paused {
                    self.explain(Decision::Paused, "voice", numbers);
                    self.hold_front(Hold::BargeIn, true);
                    self.guard_pause();
                }
            }
            None => {
                let rule = if is_final { "words" } else { "voice" };
                self.explain(Decision::Interrupted, rule, numbers);
                self.give_way();
            }
        }
    }

    /// Final words while a reply is in the making: the caller went on, so it answers too little. A tool that
    /// lasts and must be awaited keeps it alive.
    pub(crate) fn consider_override(&mut self) {
        let pending = self.reply.as_ref().is_some_and(|r| r.committed && r.after.is_none())
            && self.speeches.iter().all(|s| s.started.is_none() && self.may_interrupt(s));
        let awaited = !self.config.turns.tools.answer_during_write && self.runs_lasting_tool();
        if !pending || awaited || self.is_backchannel(&self.caller.words()) {
            return;
        }
        self.explain(Decision::Interrupted, "caller_went_on", []);
        self.abort_reply();
        self.hush_all();
    }

    /// A pause ends when VAD stays open without words, too ([`Timer::OpenTurn`]); without that rule only the
    /// end of the voice ends it.
    fn guard_pause(&mut self) {
        if self.caller.segment.is_none() && !self.caller.has_words() {
            let timeout = self.config.turns.interruption.false_timeout_ms;
            self.timers.set(Timer::FalseInterruption, self.now + timeout);
        }
    }

    /// The agent falls silent for good.
    pub(crate) fn give_way(&mut self) {
        self.timers.clear(Timer::BargeIn);
        self.timers.clear(Timer::FalseInterruption);
        self.waits.false_alarms = 0;
        self.caller.unaccepted = None;
        self.abort_reply();
        self.hush_all();
    }

    /// A pause, or a held reply, without words: it was nothing.
    pub(crate) fn false_alarm(&mut self, rule: &str) {
        if self.caller.has_words() || self.caller.has_floor() {
            return;
        }
        self.release_pause(rule);
    }

    /// The paused speech goes on.
    pub(crate) fn release_pause(&mut self, rule: &str) {
        self.overridden = false;
        self.timers.clear(Timer::FalseInterruption);
        if self.speeches.front().is_some_and(|s| s.has(Hold::BargeIn) && !s.hushed) {
            self.waits.false_alarms += 1;
            self.explain(Decision::Resumed, rule, [("false_alarms", f64::from(self.waits.false_alarms))]);
            self.hold_front(Hold::BargeIn, false);
            self.announce();
            self.emit(Output::FalseInterruption { resumed: true });
        }
    }
}
