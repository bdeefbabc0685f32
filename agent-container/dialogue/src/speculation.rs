//! Working ahead: the model is asked before the turn is committed. Its words wait, its tools too.

use crate::hearing::ms;
use crate::reply::Reply;
use crate::speech::Hold;
use crate::words::normalise;
use crate::{Decision, Dialogue, SayKind, TurnId};

impl Dialogue {
    /// Asks the model before the turn is committed.
    pub(crate) fn speculate(&mut self, text: &str) {
        let p = &self.config.turns.preemptive;
        let key = normalise(text);
        let busy = self.reply.as_ref().is_some_and(|r| r.committed || r.key == key)
            || self.speeches.iter().any(|s| s.is_begun() || s.kind == SayKind::Greeting)
            || self.transfer.is_some()
            || self.toolbox.collecting.is_some();
        let voiced = self.caller.voiced_ms + self.caller.segment.map_or(0, |s| s.voiced_ms(self.now));
        if !p.llm || key.is_empty() || busy || voiced > p.max_speech_ms || self.attempts >= p.max_attempts {
            return;
        }
        self.drop_speculation("newer_words");
        self.attempts += 1;
        let numbers = [("attempt", f64::from(self.attempts)), ("voiced_ms", ms(voiced))];
        self.explain(Decision::Speculated, "final_words", numbers);
        self.reply = Some(Reply::new(None, key, false));
        self.think();
    }

    /// Do the words so far no longer fit the early request?
    pub(crate) fn contradicts_speculation(&self) -> bool {
        let words = normalise(&self.caller.words());
        self.reply.as_ref().is_some_and(|r| !r.committed && r.key != words)
    }

    pub(crate) fn drop_speculation(&mut self, rule: &str) {
        if self.reply.as_ref().is_some_and(|r| !r.committed) {
            self.explain(Decision::SpeculationDropped, rule, []);
            let say = self.reply.as_ref().and_then(|r| r.say);
            self.abort_reply();
            if let Some(id) = say {
                self.hush(id);
            }
        }
    }

    /// The early answer is the answer.
    pub(crate) fn adopt_speculation(&mut self, turn: TurnId) {
        self.explain(Decision::SpeculationAdopted, "same_words", []);
        let Some(reply) = &mut self.reply else { return };
        reply.committed = true;
        reply.turn = Some(turn);
        let pieces = std::mem::take(&mut reply.ready);
        let thought = reply.thought;
        let kept: Vec<_> = std::mem::take(&mut reply.calls);
        if let Some(speech) = reply.say.and_then(|id| self.speeches.iter_mut().find(|s| s.id == id)) {
            speech.turn = Some(turn);
            speech.since = self.now;
            speech.set(Hold::Speculative, false);
        }
        self.deliver(pieces, thought);
        for call in kept {
            self.call_tool(call.call.vendor_id, &call.call.name, &call.call.arguments);
        }
    }
}
