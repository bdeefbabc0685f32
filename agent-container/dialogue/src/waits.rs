//! Waiting: for the caller to say something, for the agent to answer.

use crate::dialogue::Phase;
use crate::hearing::ms;
use crate::reply::CallState;
use crate::{CallTime, Decision, Dialogue, LeaveReason, Mind, Output, SayKind, State, Timer, Who};

/// How long who has waited for whom.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Last final transcript, agent speech, key or tool result.
    base: CallTime,
    /// Silence deadlines in a row that nobody answered.
    unanswered: u32,
    /// The deadline after `base` has come.
    fired: bool,
    /// The agent owes an answer since then.
    owed: Option<CallTime>,
    /// Steps the watchdog has taken.
    level: u32,
    /// A deadline met somebody talking: look again then.
    snooze: CallTime,
    fillers: usize,
    prompts: usize,
    /// Tool fillers in this reply.
    tool_fillers: u32,
    /// Pauses in a row that were nothing.
    pub(crate) false_alarms: u32,
    /// Utterances in a row without a word.
    pub(crate) deaf: u32,
}

impl Waits {
    /// A sign of life moves the silence deadline.
    pub(crate) fn refresh(&mut self, now: CallTime) {
        self.base = now;
        self.fired = false;
    }

    /// The caller is there.
    pub(crate) fn answered_by_caller(&mut self) {
        self.unanswered = 0;
    }

    /// The agent owes an answer from now on.
    pub(crate) fn owe(&mut self, now: CallTime) {
        self.owed = Some(now);
        self.level = 0;
        self.tool_fillers = 0;
    }

    /// The next step of the same answer: the wait goes on since the caller last heard something.
    pub(crate) fn owe_still(&mut self, now: CallTime, last_speech_end: Option<CallTime>) {
        match self.owed {
            Some(since) => self.owed = Some(since.max(last_speech_end.unwrap_or_default())),
            None => self.owe(now),
        }
    }

    /// Does the agent owe an answer?
    pub(crate) fn owes(&self) -> bool {
        self.owed.is_some()
    }

    /// The agent owes nothing.
    pub(crate) fn paid(&mut self) {
        self.owed = None;
    }
}

impl Dialogue {
    /// Sets the deadlines that follow from the state.
    pub(crate) fn set_waits(&mut self) {
        self.set_silence();
        self.set_watchdog();
        self.set_tool_filler();
        self.time_tools();
        self.recycle_when_idle();
    }

    fn set_silence(&mut self) {
        let silence = &self.config.turns.silence;
        let waits_for_caller = self.phase == Phase::Talking
            && self.speeches.is_empty()
            && self.transfer.is_none()
            && !self.live.awaiting
            && self.deferred.is_none()
            && self.waits.owed.is_none()
            && match self.reply.as_ref().filter(|r| r.committed) {
                Some(reply) => self.only_collects(reply),
                None => !self.toolbox.runs_in_background(),
            };
        let done = self.waits.fired && silence.max_unanswered == 0;
        let nth = usize::try_from(self.waits.unanswered).unwrap_or(usize::MAX);
        let deadline = silence.deadlines_ms.get(nth).or(silence.deadlines_ms.last()).copied();
        match deadline.filter(|_| waits_for_caller && !done) {
            Some(ms) => {
                let at = (self.waits.base + ms).max(self.waits.snooze).max(self.now);
                self.timers.set(Timer::Silence, at);
            }
            None => self.timers.clear(Timer::Silence),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the dialogue")]
    pub(crate) fn only_collects(&self, reply: &crate::reply::Reply) -> bool {
        reply.thought && reply.calls.iter().any(|c| c.state == CallState::Collecting)
    }

    /// The caller has said nothing for too long.
    pub(crate) fn silence(&mut self) {
        if self.caller.has_floor() || self.caller.has_words() {
            self.waits.snooze = self.now + SNOOZE_MS;
            return;
        }
        let max = self.config.turns.silence.max_unanswered;
        self.waits.unanswered += 1;
        let unanswered = self.waits.unanswered;
        self.explain(
            Decision::Silence,
            "deadline",
            [("unanswered", f64::from(unanswered)), ("max", f64::from(max))],
        );
        if self.user_state() != State::Away {
            self.state(Who::User, State::Away, self.now);
        }
        self.waits.fired = true;
        if max == 0 {
            return;
        }
        self.waits.refresh(self.now);
        if unanswered >= max {
            return self.leave_after(LeaveReason::Silence, self.config.phrases.silence_goodbye.clone());
        }
        let phrase = pick(&self.config.phrases.silence_prompts, &mut self.waits.prompts);
        self.say_phrase(SayKind::Prompt, phrase);
    }

    fn set_watchdog(&mut self) {
        let w = &self.config.turns.watchdog;
        let step = match self.waits.level {
            0 => w.filler_ms,
            1 => w.filler_ms.map(|_| w.apology_ms),
            _ => w.filler_ms.map(|_| w.rescue_ms),
        };
        match (self.waits.owed, step) {
            (Some(since), Some(ms)) if self.phase == Phase::Talking => {
                self.timers.set(Timer::Watchdog, (since + ms).max(self.waits.snooze).max(self.now));
            }
            _ => self.timers.clear(Timer::Watchdog),
        }
    }

    /// The agent owes an answer and is silent.
    pub(crate) fn watchdog(&mut self) {
        let sounds = self.speeches.front().is_some_and(|s| s.sounds());
        if sounds || self.caller.has_floor() || self.line_lost {
            self.waits.snooze = self.now + SNOOZE_MS;
            return;
        }
        if self.runs_a_tool() && self.config.turns.tools.filler_after_ms.is_some() {
            // The tool's own fillers bridge the wait.
            self.waits.snooze = self.now + SNOOZE_MS;
            return;
        }
        if self.waits.level < 2 && self.waits_for_voice() {
            return;
        }
        let owed_ms = self.waits.owed.map_or(0, |since| self.now.since(since));
        let tool = self.runs_a_tool();
        let (level, rule) = match self.waits.level {
            0 => (0, "filler"),
            _ if tool => (0, "filler_tool"),
            1 => (1, "apology"),
            _ => (2, "rescue"),
        };
        self.explain(Decision::Watchdog, rule, [("owed_ms", ms(owed_ms))]);
        match level {
            0 if tool => {
                self.waits.owed = Some(self.now);
                self.say_filler();
            }
            0 => {
                self.waits.level = 1;
                self.say_filler();
            }
            1 => {
                self.waits.level = 2;
                self.apologise();
            }
            _ if self.config.mind == Mind::Live => self.live_is_silent(),
            _ => self.rescue("watchdog"),
        }
    }

    /// Who speaks to speech is only asked again: two wishes at once are one too many.
    fn apologise(&mut self) {
        if self.config.mind == Mind::Live {
            return self.live_respond(None);
        }
        self.say_phrase(SayKind::Apology, self.config.phrases.apology.clone());
        self.ask_fallback();
    }

    fn runs_a_tool(&self) -> bool {
        self.reply.as_ref().is_some_and(|r| r.thought && r.calls.iter().any(|c| !c.is_done()))
    }

    fn say_filler(&mut self) {
        let phrase = pick(&self.config.phrases.fillers, &mut self.waits.fillers);
        self.say_phrase(SayKind::Filler, phrase);
    }

    /// A speech is on its way to the voice; [`Timer::Playout`] sees to it that it comes.
    fn waits_for_voice(&mut self) -> bool {
        let waits = self.speeches.front().is_some_and(|s| s.started.is_none() && !s.hushed);
        if waits {
            self.waits.snooze = self.now + SNOOZE_MS;
        }
        waits
    }

    /// The model had its time: the next one of the chain.
    fn ask_fallback(&mut self) {
        let Some(reply) = self.reply.as_mut().filter(|r| r.say.is_none()) else { return };
        let Some(id) = reply.think.take() else { return };
        reply.fallback = true;
        reply.step -= 1;
        self.emit(Output::CancelThink { id });
        self.think();
    }

    fn set_tool_filler(&mut self) {
        let quiet = self.speeches.is_empty() && !self.live.awaiting;
        match self.next_tool_filler().filter(|_| quiet && self.phase == Phase::Talking) {
            Some(at) => self.timers.set(Timer::ToolFiller, at.max(self.waits.snooze).max(self.now)),
            None => self.timers.clear(Timer::ToolFiller),
        }
    }

    /// When the silence around a running tool has lasted long enough; after the first filler, and for tools
    /// behind the scenes, as long as the watchdog's.
    fn next_tool_filler(&self) -> Option<CallTime> {
        let first_ms = self.config.turns.tools.filler_after_ms?;
        let later_ms = self.config.turns.watchdog.filler_ms?;
        let quiet_since = self.last_speech_end.unwrap_or_default();
        let calls = self.reply.iter().filter(|r| r.committed).flat_map(|r| r.calls.iter());
        let running = calls.filter(|c| matches!(c.state, CallState::Running | CallState::Joined(_)));
        if let Some(since) = running.map(|c| c.since).min() {
            let after = if self.waits.tool_fillers == 0 { first_ms } else { later_ms };
            return Some(since.max(quiet_since) + after);
        }
        let behind = self.toolbox.runs_in_background() && self.reply.is_none() && self.transfer.is_none();
        behind.then(|| quiet_since.max(self.waits.base) + later_ms)
    }

    /// A tool runs in silence.
    pub(crate) fn tool_filler(&mut self) {
        if self.caller.has_floor() || self.caller.has_words() {
            self.waits.snooze = self.now + SNOOZE_MS;
            return;
        }
        self.waits.tool_fillers += 1;
        self.explain(Decision::Tool, "filler", [("times", f64::from(self.waits.tool_fillers))]);
        self.say_filler();
    }
}

/// A deadline that met somebody talking looks again after this.
const SNOOZE_MS: u64 = 250;

/// The next of several phrases; empty when there is none.
fn pick(phrases: &[String], next: &mut usize) -> String {
    let phrase = phrases.get(*next % phrases.len().max(1)).cloned().unwrap_or_default();
    *next += 1;
    phrase
}
