//! The end-of-turn model: when it is asked, and what its answer changes.

use crate::dialogue::Asking;
use crate::hearing::ms;
use crate::pauses::is_open_ended;
use crate::{AskId, CallTime, Decision, Dialogue, EndBy, Mind, Output, Timer, TurnAnswer, TurnModelConfig};

impl TurnModelConfig {
    /// The delay to the commit after an answer of `p`, and the rule. `by_text`: what the text says without it.
    ///
    /// Words that want another one outweigh a voice that sounds finished: the model takes half of the sentences
    /// cut off in the middle for whole ones.
    pub(crate) fn delay(
        &self,
        p: f32,
        by_text: (u64, &'static str),
        max_delay_ms: u64,
    ) -> (u64, &'static str) {
        if p < self.threshold {
            return (max_delay_ms, "model_incomplete");
        }
        let (by_text_ms, rule) = by_text;
        if is_open_ended(rule) {
            return by_text;
        }
        (self.complete_delay_ms.min(by_text_ms), "model_complete")
    }
}

impl Dialogue {
    /// The caller fell silent at `end`: is the turn over?
    pub(crate) fn ask_turn_model(&mut self, end: CallTime) {
        let turns = &self.config.turns;
        let decides = self.config.mind == Mind::Pipeline && turns.endpointing.end_by == EndBy::Vad;
        if !turns.turn_model.enabled() || !decides || self.asking.is_some() {
            return;
        }
        let id = AskId(self.ids.ask.next());
        self.asking = Some(Asking { id, answer: None, settled: false });
        self.timers.set(Timer::TurnModel, self.now + turns.turn_model.timeout_ms);
        let turn_ms = self.now.since(self.caller.first_sound.unwrap_or(end));
        self.emit(Output::AskTurnModel { id, turn_ms });
    }

    pub(crate) fn forget_question(&mut self) {
        self.asking = None;
        self.timers.clear(Timer::TurnModel);
    }

    pub(crate) fn on_turn_model(&mut self, id: AskId, answer: TurnAnswer) {
        let Some(asking) = self.asking.as_mut().filter(|a| a.id == id && !a.settled) else {
            return self.explain(Decision::Stale, "turn_model", []);
        };
        asking.settled = true;
        let threshold = f64::from(self.config.turns.turn_model.threshold);
        let rule = match answer {
            TurnAnswer::Judged { probability, cost_ms } => {
                asking.answer = Some(probability).filter(|p| p.is_finite());
                let p = f64::from(probability);
                let numbers = [("probability", p), ("threshold", threshold), ("cost_ms", ms(cost_ms))];
                self.explain(Decision::Endpointing, "turn_model", numbers);
                "turn_model"
            }
            TurnAnswer::Skipped(why) => {
                self.explain(Decision::Endpointing, why.rule(), []);
                why.rule()
            }
        };
        self.timers.clear(Timer::TurnModel);
        self.consider_end(rule);
    }

    /// Silence decides.
    pub(crate) fn turn_model_late(&mut self) {
        if let Some(asking) = &mut self.asking {
            asking.settled = true;
            self.explain(Decision::Endpointing, "turn_model_late", []);
            self.consider_end("turn_model_late");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{TurnModelConfig, TurnModelKind};

    #[test]
    fn an_answer_shortens_the_wait_or_keeps_the_turn_open() {
        let model = TurnModelConfig { kind: TurnModelKind::SmartTurn, ..TurnModelConfig::default() };
        let check =
            |p, by_text, expected| assert_eq!(model.delay(p, by_text, 2500), expected, "{p} {by_text:?}");
        check(0.97, (500, "text_punctuated"), (400, "model_complete"));
        check(0.5, (600, "fixed"), (400, "model_complete"));
        check(0.49, (500, "text_punctuated"), (2500, "model_incomplete"));
        // It never waits longer than without the model.
        check(0.97, (300, "text_punctuated"), (300, "model_complete"));
        // "My number is": the words are against it.
        check(0.97, (1500, "text_unfinished"), (1500, "text_unfinished"));
        check(0.97, (1000, "text_number"), (1000, "text_number"));
    }
}
