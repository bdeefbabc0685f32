//! The turn is over: what becomes of it.

use crate::caller::join;
use crate::hearing::ms;
use crate::reply::Reply;
use crate::words::{count, is_echo, normalise, only_of};
use crate::{CallTime, Decision, Dialogue, LeaveReason, Message, SayKind, Timer, TurnId, Unaccepted};

/// What becomes of a turn (livekit `voice/agent_activity.py`, the outcomes at commit time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A new user item and an answer.
    Commit,
    /// Not now: something must end first.
    Defer(&'static str),
    /// Did not take the floor; its words wait for the end of the speech.
    Unaccepted(&'static str),
    /// Its words are lost.
    Drop(&'static str),
}

impl Dialogue {
    /// The moment of the commit has come.
    pub(crate) fn end_of_turn(&mut self, rule: &'static str) {
        self.timers.clear(Timer::EndOfTurn);
        let decided = self.deferred.take();
        if self.caller.has_floor() && rule != "stt_end_of_turn" {
            return self.explain(Decision::TurnKept, "caller_speaks", []);
        }
        if self.waits_for_final() || self.caller.finals.is_empty() {
            return;
        }
        match self.outcome() {
            Outcome::Commit => self.commit_turn(rule, decided.unwrap_or(self.now)),
            Outcome::Defer(why) => {
                self.deferred = Some(decided.unwrap_or(self.now));
                self.explain(Decision::TurnKept, why, []);
            }
            Outcome::Unaccepted(why) => self.set_aside(why),
            Outcome::Drop(why) => {
                self.caller.clear_turn();
                self.caller.unaccepted = None;
                self.drop_speculation("turn_dropped");
                self.explain(Decision::TurnDropped, why, []);
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let words = &self.caller.finals;
        if self.transfer.is_some() {
            return Outcome::Drop("transferring");
        }
        if self.speeches.iter().any(|s| s.hushed) {
            return Outcome::Defer("hush_pending");
        }
        if let Some(front) =
            self.speeches.front().filter(|s| s.started.is_some() || s.kind == SayKind::Greeting)
        {
            if !self.may_interrupt(front) {
                return Outcome::Drop("uninterruptible");
            }
            if count(words) < self.min_words(front.kind) {
                return Outcome::Unaccepted("min_words");
            }
        }
        if self.is_echo(words) {
            return Outcome::Drop("echo");
        }
        if self.agent_is_busy() && self.is_backchannel(words) {
            return Outcome::Unaccepted("backchannel");
        }
        if !self.config.turns.tools.answer_during_write && self.runs_lasting_tool() {
            return Outcome::Defer("tool_runs");
        }
        Outcome::Commit
    }

    /// The agent speaks, or is about to answer.
    fn agent_is_busy(&self) -> bool {
        self.speeches.front().is_some_and(|s| s.started.is_some())
            || self.reply.as_ref().is_some_and(|r| r.committed && !self.only_collects(r))
    }

    pub(crate) fn is_backchannel(&self, words: &str) -> bool {
        only_of(words, &self.config.turns.interruption.backchannel)
    }

    /// Are these words the agent's own, of the speech that sounds or of the one that has just ended?
    pub(crate) fn is_echo(&self, words: &str) -> bool {
        let min = self.config.turns.interruption.echo_words;
        let rate = self.config.turns.text.syllables_per_s;
        let sounding = self.speeches.front().filter(|s| s.started.is_some());
        let said = sounding.map(|s| s.heard(s.position_ms(self.now) + ECHO_AHEAD_MS, rate));
        let before = if self.may_hear_the_end() { &*self.last_said } else { "" };
        is_echo(words, &join(before, &said.unwrap_or_default()), min)
    }

    /// Has the voice that was heard ended with the agent's last speech? Who answers in its words speaks later.
    fn may_hear_the_end(&self) -> bool {
        let Some(end) = self.last_speech_end else { return false };
        match (self.caller.first_sound, self.caller.last_sound) {
            (Some(first), Some(last)) => first < end && last <= end + ECHO_TAIL_MS,
            (Some(_), None) => false,
            (None, _) => self.now <= end + ECHO_WORDS_MS,
        }
    }

    fn set_aside(&mut self, why: &'static str) {
        let words = std::mem::take(&mut self.caller.finals);
        let at = self.caller.last_sound.unwrap_or(self.now);
        let words = join(&self.caller.unaccepted.take().map_or(String::new(), |(w, _)| w), &words);
        self.caller.clear_turn();
        self.caller.unaccepted = Some((words, at));
        self.explain(Decision::TurnKept, why, []);
        self.release_pause("not_accepted");
    }

    /// The speech is over that the words did not interrupt.
    pub(crate) fn judge_unaccepted(&mut self, interrupted: bool) {
        let Some((words, at)) = self.caller.unaccepted.take() else { return };
        if self.config.turns.interruption.unaccepted == Unaccepted::Keep {
            self.caller.finals = join(&words, &self.caller.finals);
            return;
        }
        let gap = self.now.since(at);
        if interrupted || gap >= self.config.turns.interruption.boundary_ms || self.has_more_to_say() {
            return self.explain(Decision::TurnDropped, "unaccepted", [("ms_before_end", ms(gap))]);
        }
        self.caller.finals = join(&words, &self.caller.finals);
        self.caller.last_sound = self.caller.last_sound.or(Some(at));
        self.caller.last_final = self.caller.last_final.or(Some(at));
        self.explain(Decision::TurnKept, "at_the_end_of_the_speech", [("ms_before_end", ms(gap))]);
        self.timers.set(Timer::EndOfTurn, self.now);
    }

    fn commit_turn(&mut self, rule: &'static str, decided: CallTime) {
        self.close_turn("superseded");
        let text = std::mem::take(&mut self.caller.finals);
        let turn = self.open_turn(rule, decided);
        self.caller.clear_turn();
        self.forget_question();
        self.answer_turn(turn, &text);
    }

    /// The caller's words (or keys) are a turn: into the history with them, and think.
    pub(crate) fn answer_turn(&mut self, turn: TurnId, text: &str) {
        let (key, late) = (normalise(text), self.toolbox.late_results);
        let adopted = self.reply.as_ref().is_some_and(|r| !r.committed && r.key == key && r.knows == late);
        if !adopted {
            self.abort_reply();
            self.hush_all();
        }
        self.announce();
        self.commit(Message::User { text: text.to_owned() }, false);
        self.attempts = 0;
        if turn.0 > self.config.turns.limits.max_turns {
            return self.leave_after(LeaveReason::MaxDuration, self.config.phrases.max_call.clone());
        }
        self.overridden = false;
        self.rescuing = false;
        self.waits.answered_by_caller();
        self.waits.owe(self.now);
        if adopted {
            self.adopt_speculation(turn);
        } else {
            self.reply = Some(Reply::new(Some(turn), normalise(text), true));
            self.think();
        }
    }

    /// Opens the books of a turn.
    pub(crate) fn open_turn(&mut self, rule: &str, decided: CallTime) -> TurnId {
        let turn = TurnId(self.ids.turn.next());
        self.turn = Some(turn);
        match self.caller.fresh_anchors() {
            Some((end, last_final)) => {
                let delay = decided.since(end);
                let transcript = last_final.since(end);
                let numbers = [("end_of_turn_ms", ms(delay)), ("transcription_ms", ms(transcript))];
                self.explain(Decision::TurnCommitted, rule, numbers);
            }
            None => self.explain(Decision::TurnCommitted, rule, []),
        }
        turn
    }

    /// Closes the books of the open turn.
    pub(crate) fn close_turn(&mut self, rule: &str) {
        if self.turn.is_some() {
            self.explain(Decision::TurnClosed, rule, []);
            self.turn = None;
        }
    }

    /// A commit that waited for something may go on.
    pub(crate) fn retry_deferred(&mut self) {
        if self.deferred.is_some() {
            self.end_of_turn("deferred");
        }
    }

    fn has_more_to_say(&self) -> bool {
        self.reply.as_ref().is_some_and(|r| r.think.is_some() || !r.calls.is_empty())
    }

    /// Has the caller been told everything, with nothing in the making?
    pub(crate) fn is_idle(&self) -> bool {
        self.reply.is_none() && self.speeches.is_empty() && self.transfer.is_none()
    }
}

/// An echo comes back while we already speak on: words up to this far ahead of the heard ones count as ours
/// (network and recogniser are slower than our count of words is exact).
const ECHO_AHEAD_MS: u64 = 500;
/// An echo's sound ends at most this long after ours: the way there and back, and the room.
const ECHO_TAIL_MS: u64 = 400;
/// Its words, where voice activity has not heard it, come at most this long after ours.
const ECHO_WORDS_MS: u64 = 1500;
