//! The caller's voice and words: what VAD and the recogniser say, and when a turn is over.

use crate::speech::Speech;
use crate::words::count;
use crate::{CallTime, Decision, Dialogue, EndBy, Mind, Output, State, Stt, Timer, Vad, Who};

impl Dialogue {
    pub(crate) fn on_vad(&mut self, edge: Vad) {
        let ended = self.caller.follow(self.now, edge);
        match edge {
            Vad::Started { speech_ms } => self.voice_started(self.now - speech_ms),
            Vad::Hushed { silence_ms } => self.voice_hushed(self.now - silence_ms),
            Vad::Resumed { .. } => {
                self.timers.clear(Timer::FlushStt);
                self.forget_question();
                self.time_barge_in();
                self.time_open_turn();
            }
            Vad::Ended { silence_ms } => {
                if let Some(segment) = ended {
                    self.voice_ended(segment, self.now - silence_ms);
                }
            }
        }
    }

    fn voice_started(&mut self, since: CallTime) {
        for timer in [Timer::EndOfTurn, Timer::SttWait, Timer::FalseInterruption] {
            self.timers.clear(timer);
        }
        self.deferred = None;
        self.caller.committed_early = None;
        self.forget_question();
        self.state(Who::User, State::Speaking, since);
        self.time_barge_in();
        self.time_open_turn();
    }

    /// A short silence: perhaps the end. VAD says soon; until then nothing else closes the turn.
    fn voice_hushed(&mut self, since: CallTime) {
        for timer in [Timer::BargeIn, Timer::OpenTurn, Timer::HearSoFar] {
            self.timers.clear(timer);
        }
        let recogniser = &self.config.turns.recogniser;
        let streams = recogniser.streams_words && self.is_streaming();
        if let Some(after) = recogniser.flush_after_ms.filter(|_| streams) {
            self.timers.set(Timer::FlushStt, (since + after).max(self.now));
        }
    }

    /// The silence has lasted: the recogniser need not wait for its own end of speech.
    pub(crate) fn flush_stt(&mut self) {
        let owes_words = self.caller.finals.is_empty() || !self.caller.interim.is_empty();
        if owes_words {
            self.emit(Output::FlushStt);
        }
    }

    /// While VAD is open: when a recogniser of whole utterances is asked for the words so far.
    fn time_so_far(&mut self) {
        self.timers.clear(Timer::HearSoFar);
        let (Some(segment), recogniser) = (self.caller.segment, &self.config.turns.recogniser) else {
            return;
        };
        let Some(after) = recogniser.so_far_after_ms.filter(|_| !recogniser.streams_words) else { return };
        if segment.is_hushed() || !self.is_streaming() {
            return;
        }
        let at = match segment.asked {
            None => segment.utterance + after,
            Some(asked) => asked + (after / 2).max(asked.since(segment.utterance) / 3),
        };
        self.timers.set(Timer::HearSoFar, at.max(self.now));
    }

    /// The voice goes on and on: words, or noise?
    pub(crate) fn hear_so_far(&mut self) {
        if let Some(segment) = &mut self.caller.segment {
            segment.asked = Some(self.now);
            self.emit(Output::HearSoFar);
        }
        self.time_so_far();
    }

    /// The answer to that. Words of a segment that is over come with its final.
    fn heard_so_far(&mut self, text: &str) {
        let Some(segment) = &mut self.caller.segment else { return };
        if count(text) > count(&self.caller.interim) {
            return self.hear_interim(text);
        }
        if text.is_empty() {
            segment.utterance = segment.asked.unwrap_or(self.now);
        }
        if !segment.noise {
            self.voice_without_words();
        }
    }

    fn voice_ended(&mut self, segment: crate::caller::Segment, end: CallTime) {
        for timer in [Timer::BargeIn, Timer::OpenTurn, Timer::HearSoFar, Timer::FlushStt] {
            self.timers.clear(timer);
        }
        self.overridden = false;
        self.state(Who::User, State::Listening, end);
        let backchannel = self.is_backchannel(&self.caller.words());
        let config = &self.config.turns.endpointing;
        self.pauses.utterance(segment.start, end, config, backchannel);
        self.ask_turn_model(end);
        self.time_deafness(segment, end);
        if self.speeches.front().is_some_and(Speech::is_begun) && !self.caller.has_words() {
            let timeout = self.config.turns.interruption.false_timeout_ms;
            self.timers.set(Timer::FalseInterruption, end.max(self.now) + timeout);
        }
        if self.is_streaming() {
            self.flush_stt();
        }
        self.consider_end("vad");
    }

    fn is_streaming(&self) -> bool {
        let pipeline = self.config.mind == Mind::Pipeline;
        pipeline
            && self.config.turns.recogniser.wait_ms.is_some()
            && self.config.turns.endpointing.end_by == EndBy::Vad
    }

    pub(crate) fn on_stt(&mut self, event: Stt) {
        match event {
            Stt::Interim { text } => self.hear_interim(&text),
            Stt::SoFar { text } => self.heard_so_far(&text),
            Stt::Final { text, speech_final } => {
                self.hear_final(&text);
                if speech_final {
                    self.stt_says_over();
                }
            }
            Stt::EagerEnd { text } => {
                self.hear_interim(&text);
                self.speculate(&text);
            }
            Stt::Resumed => self.drop_speculation("resumed"),
            Stt::EndOfTurn { text } => self.stt_end_of_turn(text),
            Stt::Failed(failure) => {
                self.explain(Decision::Hearing, failure_rule(&failure), []);
                self.recogniser_broke();
            }
            Stt::Restored => self.explain(Decision::Hearing, "restored", []),
        }
    }

    fn hear_interim(&mut self, text: &str) {
        if self.repeats_early(text) {
            return;
        }
        if !self.caller.hear_interim(self.now, text) {
            return;
        }
        self.words_came();
        if self.contradicts_speculation() {
            self.drop_speculation("new_words");
        }
        self.consider_barge_in(false);
        self.wait_for_final();
    }

    fn hear_final(&mut self, text: &str) {
        let Some(text) = &self.new_words(text) else { return self.nothing_new() };
        if self.is_echo(text) {
            self.explain(Decision::TurnDropped, "echo", []);
            return self.nothing_new();
        }
        self.caller.hear_final(self.now, text);
        self.words_came();
        self.waits.refresh(self.now);
        self.waits.answered_by_caller();
        self.timers.clear(Timer::SttWait);
        // Mark first, then speculate: the early answer must not wait behind a speech that is about to end.
        self.consider_barge_in(true);
        self.consider_override();
        self.speculate(&self.caller.words());
        self.consider_end("stt");
    }

    fn words_came(&mut self) {
        self.timers.clear(Timer::Deaf);
        self.timers.clear(Timer::FalseInterruption);
        self.waits.deaf = 0;
        self.time_open_turn();
        if self.timers.get(Timer::EndOfTurn).is_some() && self.caller.interim.is_empty() {
            self.timers.clear(Timer::EndOfTurn);
        }
    }

    fn stt_end_of_turn(&mut self, text: Option<String>) {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return self.stt_says_over() };
        self.caller.finals.clear();
        self.hear_final(&text);
        if self.config.turns.endpointing.end_by == EndBy::Stt {
            self.end_of_turn("stt_end_of_turn");
        } else {
            self.stt_says_over();
        }
    }

    /// The recogniser's own end of speech: evidence where VAD stays open.
    fn stt_says_over(&mut self) {
        self.caller.stt_ended = Some(self.now);
        if self.config.turns.endpointing.end_by == EndBy::Stt && !self.caller.finals.is_empty() {
            return self.end_of_turn("stt_end_of_turn");
        }
        self.time_open_turn();
    }

    // ---- evidence beside VAD --------------------------------------------------------------------------

    /// While VAD is open: when voice without new words counts as noise.
    pub(crate) fn time_open_turn(&mut self) {
        self.timers.clear(Timer::OpenTurn);
        let (Some(segment), e) = (self.caller.segment, &self.config.turns.endpointing) else { return };
        if !self.config.turns.recogniser.streams_words {
            return self.time_so_far();
        }
        if segment.noise || segment.is_hushed() {
            return;
        }
        let last_word = segment.start.max(self.caller.last_word.unwrap_or(CallTime::ZERO));
        let quiet = e.no_new_words_ms.map(|ms| last_word + ms + self.time_for_another());
        let stt = e.stt_end_ms.and_then(|ms| Some(self.caller.stt_ended? + ms));
        if let Some(at) = [quiet, stt].into_iter().flatten().min() {
            self.timers.set(Timer::OpenTurn, at.max(self.now));
        }
    }

    /// Voice without words: noise, until words come.
    pub(crate) fn voice_without_words(&mut self) {
        let Some(segment) = &mut self.caller.segment else { return };
        segment.noise = true;
        let voiced = segment.voiced_ms(self.now);
        let rule = if self.caller.stt_ended.is_some() { "stt_end" } else { "no_new_words" };
        self.explain(Decision::Endpointing, rule, [("voiced_ms", ms(voiced))]);
        self.timers.clear(Timer::BargeIn);
        if self.caller.has_words() {
            self.caller.last_sound = self.caller.last_word;
            self.consider_end(rule);
        } else {
            self.false_alarm("noise");
        }
    }

    fn time_deafness(&mut self, segment: crate::caller::Segment, end: CallTime) {
        let r = &self.config.turns.recogniser;
        let Some(after) = r.deaf_after_ms else { return };
        if self.config.mind == Mind::Live {
            return;
        }
        let long = segment.voiced_ms(self.now) >= r.deaf_min_speech_ms;
        if long && !segment.worded && !self.caller.has_words() {
            self.timers.set(Timer::Deaf, (end + after).max(self.now));
        }
    }

    /// Speech, and no word of it: first a new recogniser, then the caller is asked.
    pub(crate) fn deaf(&mut self) {
        self.waits.deaf += 1;
        self.explain(Decision::Hearing, "speech_without_words", [("times", f64::from(self.waits.deaf))]);
        if self.waits.deaf == 1 {
            self.emit(Output::RestartStt);
            let after = self.config.turns.recogniser.deaf_after_ms.unwrap_or(2000);
            self.timers.set(Timer::Deaf, self.now + after);
        } else if self.waits.deaf == 2 && self.is_idle() {
            self.say_phrase(crate::SayKind::Apology, self.config.phrases.not_heard.clone());
        }
    }

    // ---- end of turn ----------------------------------------------------------------------------------

    /// Something suggests that the turn is over: set the moment.
    pub(crate) fn consider_end(&mut self, trigger: &'static str) {
        if self.caller.has_floor() {
            return;
        }
        let last_sound = *self.caller.last_sound.get_or_insert(self.now);
        if self.caller.finals.is_empty() {
            if let Some(wait) = self.final_wait().filter(|_| self.caller.has_words()) {
                self.timers.set(Timer::SttWait, (last_sound + wait).max(self.now));
                if trigger != "vad" {
                    self.emit(Output::FlushStt);
                }
            }
            return;
        }
        if self.asking.is_some_and(|a| !a.settled) {
            return;
        }
        let (delay, rule) = self.end_delay();
        let at = (last_sound + delay).max(self.now);
        let numbers = [("delay_ms", ms(delay)), ("waits_ms", ms(at.since(self.now)))];
        self.explain(Decision::Endpointing, &format!("{rule}/{trigger}"), numbers);
        self.timers.set(Timer::EndOfTurn, at);
    }

    fn end_delay(&self) -> (u64, &'static str) {
        let turns = &self.config.turns;
        if turns.endpointing.end_by == EndBy::Stt {
            return (turns.endpointing.max_delay_ms, "stt_fallback");
        }
        let by_text = self.pauses.delay(&self.caller.finals, &turns.endpointing);
        match self.asking.and_then(|a| a.answer) {
            Some(p) => turns.turn_model.delay(p, by_text, turns.endpointing.max_delay_ms),
            None => by_text,
        }
    }
}

fn failure_rule(failure: &crate::Failure) -> &'static str {
    use crate::FailureKind as K;
    match failure.kind {
        K::Timeout => "timeout",
        K::Disconnected => "disconnected",
        K::RateLimited => "rate_limited",
        K::Refused => "refused",
        K::BadAnswer => "bad_answer",
        K::Expired => "expired",
    }
}

/// Milliseconds as a number of an explain entry.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a call are far below 2^52")]
pub(crate) fn ms(value: u64) -> f64 {
    value as f64
}
