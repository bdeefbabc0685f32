//! Final words: how long they are waited for, and what becomes of those that come after their turn.

use crate::caller::join;
use crate::words::{count, normalise};
use crate::{Decision, Dialogue, Timer};

impl Dialogue {
    /// From the caller's last sound to the moment at which interim words must do.
    pub(crate) fn final_wait(&self) -> Option<u64> {
        Some(self.config.turns.recogniser.wait_ms? + self.time_for_another())
    }

    /// A recogniser that broke down is connected anew and given the kept audio again: words come later by this much.
    pub(crate) fn time_for_another(&self) -> u64 {
        self.config.turns.recogniser.deaf_after_ms.filter(|_| self.caller.unheard).unwrap_or(0)
    }

    /// The recogniser broke down: what it owes comes from the next connection.
    pub(crate) fn recogniser_broke(&mut self) {
        self.caller.unheard = true;
        self.time_open_turn();
        if self.timers.get(Timer::SttWait).is_some() {
            self.wait_for_final();
        }
    }

    /// Words came after the voice had ended: their final is owed, too, and perhaps more words.
    pub(crate) fn wait_for_final(&mut self) {
        let Some(wait) = self.final_wait().filter(|_| !self.caller.has_floor()) else {
            return;
        };
        let last_sound = *self.caller.last_sound.get_or_insert(self.now);
        self.timers.set(Timer::SttWait, (last_sound + wait).max(self.now + wait / 2));
    }

    /// Interim words of a turn that was committed with them: any that come in silence, the same ones in noise.
    pub(crate) fn repeats_early(&self, text: &str) -> bool {
        let Some(early) = &self.caller.committed_early else { return false };
        let noise = self.caller.segment.is_some();
        !self.caller.has_floor() && (!noise || normalise(early).starts_with(&normalise(text)))
    }

    /// What a final transcript adds to the words that were heard: all of it, or, when its turn was committed with
    /// interim words, those that came behind them.
    pub(crate) fn new_words(&mut self, text: &str) -> Option<String> {
        let whole = Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        let Some(early) = self.caller.committed_early.take() else { return whole };
        let (said, known) = (normalise(text), normalise(&early));
        if self.caller.has_floor() || !(said.starts_with(&known) || known.ends_with(&said)) {
            return whole;
        }
        let more = words_behind(text, count(&early)).filter(|more| count(more) >= MORE_WORDS);
        let rule = if more.is_some() { "late_words" } else { "late_final" };
        self.explain(Decision::Stale, rule, []);
        more
    }

    /// A final that adds nothing: what was heard before it waits for nothing more.
    pub(crate) fn nothing_new(&mut self) {
        self.caller.interim.clear();
        self.consider_end("stt");
    }

    /// The final did not come in time: the interim words must do.
    pub(crate) fn stt_is_late(&mut self) {
        let interim = std::mem::take(&mut self.caller.interim);
        if interim.is_empty() || self.caller.has_floor() {
            self.caller.interim = interim;
            return;
        }
        self.explain(Decision::Endpointing, "interim_words", []);
        self.caller.finals = join(&self.caller.finals, &interim);
        self.caller.committed_early = Some(interim);
        self.consider_barge_in(true);
        self.end_of_turn("stt_wait");
    }

    /// Words that the recogniser still owes, within its time.
    pub(crate) fn waits_for_final(&mut self) -> bool {
        let Some(wait) = self.final_wait() else { return false };
        let Some(last) = self.caller.last_sound.filter(|_| !self.caller.interim.is_empty()) else {
            return false;
        };
        let until = last + wait;
        if until > self.now {
            self.timers.set(Timer::SttWait, until);
            return true;
        }
        let interim = std::mem::take(&mut self.caller.interim);
        self.caller.finals = join(&self.caller.finals, &interim);
        self.caller.committed_early = Some(interim);
        false
    }
}

/// A late final with one word more than its turn is the recogniser's second thought; with more, the caller said more.
const MORE_WORDS: u32 = 2;

/// `text` without its first `n` words.
fn words_behind(text: &str, n: u32) -> Option<String> {
    let behind = text.char_indices().map(|(at, _)| at).find(|&at| {
        let starts_word = text[..at].ends_with(char::is_whitespace);
        starts_word && count(&text[..at]) >= n
    });
    behind.map(|at| text[at..].trim().to_owned())
}
