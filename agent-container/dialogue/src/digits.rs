//! Keys of the telephone.

use crate::speech::Speech;
use crate::{Decision, Dialogue, Message, Timer, ToolResult};

impl Dialogue {
    pub(crate) fn on_digit(&mut self, key: char) {
        let key = key.to_ascii_uppercase();
        if !"0123456789*#ABCD".contains(key) {
            return self.explain(Decision::Stale, "no_key", []);
        }
        if self.transfer.is_some() {
            return self.explain(Decision::Stale, "transferring", []);
        }
        self.waits.refresh(self.now);
        self.waits.answered_by_caller();
        let digits = &self.config.turns.digits;
        let (terminator, gap) = (digits.terminator, digits.inter_digit_ms);
        if digits.interrupt
            && self.speeches.front().is_some_and(|s| Speech::is_begun(s) && self.may_interrupt(s))
        {
            self.explain(Decision::Interrupted, "digit", []);
            let collecting = self.toolbox.collecting.is_some();
            if collecting { self.hush_all() } else { self.give_way() }
        }
        if key == terminator {
            return self.digits_complete("terminator");
        }
        self.toolbox.typed.push(key);
        let full = self.toolbox.collecting.is_some_and(|c| self.toolbox.typed.len() >= c.count);
        if full {
            return self.digits_complete("count");
        }
        self.timers.set(Timer::Digits, self.now + gap);
    }

    /// The number is complete.
    pub(crate) fn digits_complete(&mut self, rule: &'static str) {
        self.timers.clear(Timer::Digits);
        let mut typed = std::mem::take(&mut self.toolbox.typed);
        let numbers = [("digits", f64::from(u32::try_from(typed.len()).unwrap_or(u32::MAX)))];
        self.explain(Decision::Digits, rule, numbers);
        if let Some(collecting) = self.toolbox.collecting.take() {
            let result = if typed.len() == collecting.count {
                ToolResult::Ok(typed)
            } else {
                let (got, wanted) = (typed.len(), collecting.count);
                ToolResult::Error(format!("Digits input not fully received: {got} of {wanted}."))
            };
            return self.on_tool(collecting.id, result);
        }
        if typed.is_empty() {
            // It ends no number, but it may have stopped the agent, who owes an answer then.
            typed.push(self.config.turns.digits.terminator);
        }
        self.close_turn("superseded");
        let turn = self.open_turn("digits", self.now);
        let text = format!("[pressed {typed}]");
        if self.config.mind == crate::Mind::Live {
            self.commit(Message::User { text }, false);
            self.waits.owe(self.now);
            return self.recycle_live();
        }
        self.answer_turn(turn, &text);
    }
}
