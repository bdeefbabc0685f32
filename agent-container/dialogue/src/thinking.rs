//! The reply in the making: ask the model, speak its words, run its tools, step by step.

use crate::reply::{After, CallState, Reply};
use crate::speech::{Hold, Speech};
use crate::toolbox::{promises, revoke};
use crate::{
    Decision, Dialogue, Failure, HistoryItem, LeaveReason, LiveCommand, Message, Mind, Output, SayId,
    SayKind, ThinkEvent, ThinkId, ThinkRequest, Timer, ToolUse, TurnId,
};

impl Dialogue {
    /// Asks the model for the next step.
    pub(crate) fn think(&mut self) {
        let id = ThinkId(self.ids.think.next());
        let max_steps = self.config.turns.tools.max_steps;
        let Some(reply) = &mut self.reply else { return };
        reply.step += 1;
        reply.think = Some(id);
        reply.knows = self.toolbox.late_results;
        reply.chunker = crate::chunker::Chunker::default();
        reply.say = None;
        reply.thought = false;
        let (speculative, fallback) = (!reply.committed, reply.fallback);
        let tools = if reply.step > max_steps { ToolUse::None } else { ToolUse::Auto };
        let words = speculative.then(|| self.caller.words());
        let messages = self.messages(words);
        if !speculative {
            self.toolbox.unreported = false;
        }
        self.emit(Output::Think(ThinkRequest { id, messages, tools, speculative, fallback }));
    }

    /// The conversation as it stands: what was heard, what is just being said, tools that still run.
    pub(crate) fn messages(&self, provisional: Option<String>) -> Vec<Message> {
        let mut messages = Vec::with_capacity(self.history().len() + 4);
        if !self.config.instructions.is_empty() {
            messages.push(Message::System { text: self.config.instructions.clone() });
        }
        let open = |item: &&HistoryItem| matches!(item.message, Message::User { .. });
        let asked = self.history().iter().rev().take_while(open).count();
        let (settled, questions) = self.history().split_at(self.history().len() - asked);
        messages.extend(settled.iter().map(|item| item.message.clone()));
        let mut questions = questions.iter().peekable();
        let rate = self.config.turns.text.syllables_per_s;
        for speech in self.speeches.iter().filter(|s| s.kind == SayKind::Reply && !s.has(Hold::Speculative)) {
            while let Some(question) = questions.next_if(|question| question.at <= speech.since) {
                messages.push(question.message.clone());
            }
            let heard = speech.hushed.then(|| speech.heard(speech.position_ms(self.now), rate));
            let text = heard.unwrap_or_else(|| speech.text.clone());
            if !text.is_empty() {
                messages.push(Message::Assistant { text });
            }
            messages.extend(speech.then.iter().cloned());
        }
        // What still runs was asked for before the question that is answered now.
        let latest = usize::from(provisional.is_none());
        while questions.len() > latest {
            messages.extend(questions.next().map(|question| question.message.clone()));
        }
        messages.extend(self.toolbox.placeholders());
        messages.extend(questions.map(|question| question.message.clone()));
        messages.extend(provisional.map(|text| Message::User { text }));
        if matches!(messages.last(), Some(Message::Assistant { .. })) && self.reply.is_some() {
            messages.push(Message::User { text: TELL_RESULT.to_owned() });
        }
        messages
    }

    // ---- the model speaks -----------------------------------------------------------------------------

    pub(crate) fn on_think(&mut self, id: ThinkId, event: ThinkEvent) {
        if self.reply.as_ref().and_then(|r| r.think) != Some(id) {
            return self.explain(Decision::Stale, "think", [("id", f64::from(id.0))]);
        }
        let config = self.config.turns.text.clone();
        let Some(reply) = &mut self.reply else { return };
        match event {
            ThinkEvent::Delta(text) => {
                let pieces = reply.chunker.push(&text, &config);
                self.deliver(pieces, false);
            }
            ThinkEvent::ToolCall { vendor_id, name, arguments } => {
                self.take_tool_call(vendor_id, &name, &arguments)
            }
            ThinkEvent::Done(_) => {
                reply.think = None;
                reply.thought = true;
                let pieces = reply.chunker.finish(&config);
                self.deliver(pieces, true);
            }
            ThinkEvent::Failed(failure) => self.think_failed(&failure),
        }
    }

    fn take_tool_call(&mut self, vendor_id: String, name: &str, arguments: &str) {
        let max_steps = self.config.turns.tools.max_steps;
        let Some(reply) = &mut self.reply else { return };
        if reply.step > max_steps {
            return self.explain(Decision::Tool, "too_many_steps", [("max_steps", f64::from(max_steps))]);
        }
        if reply.committed {
            self.call_tool(vendor_id, name, arguments);
        } else {
            self.keep_tool_call(vendor_id, name, arguments);
        }
    }

    /// Hands pieces of the answer to the voice, or keeps them until the commit.
    pub(crate) fn deliver(&mut self, pieces: Vec<String>, end: bool) {
        let Some(reply) = &mut self.reply else { return };
        if !reply.committed && !self.config.turns.preemptive.tts {
            reply.ready.extend(pieces);
            return;
        }
        let (open, turn, committed) = (reply.say, reply.turn, reply.committed);
        if pieces.is_empty() {
            if let Some(id) = open.filter(|_| end) {
                self.say_more(id, "", true);
            }
            return;
        }
        let id = open.unwrap_or_else(|| self.open_reply_speech(turn, committed));
        let last = pieces.len() - 1;
        for (i, piece) in pieces.iter().enumerate() {
            self.say_more(id, piece, end && i == last);
        }
    }

    fn open_reply_speech(&mut self, turn: Option<TurnId>, committed: bool) -> SayId {
        let id = self.open_speech(SayKind::Reply, turn);
        if let Some(speech) = self.speech(id) {
            speech.set(Hold::Speculative, !committed);
        }
        if let Some(reply) = &mut self.reply {
            reply.say = Some(id);
            reply.spoke = true;
        }
        id
    }

    fn think_failed(&mut self, failure: &Failure) {
        let rule = format!("model_{:?}", failure.kind).to_lowercase();
        let Some(reply) = &mut self.reply else { return };
        reply.failures += 1;
        let failures = reply.failures;
        if !reply.committed {
            return self.drop_speculation(&rule);
        }
        let partial = reply.say.is_some() || !reply.calls.is_empty();
        if partial {
            reply.think = None;
            reply.thought = true;
            let open = reply.say;
            if let Some(id) = open {
                self.say_more(id, "", true);
            }
        }
        self.explain(Decision::Watchdog, &rule, [("failures", f64::from(failures))]);
        if !partial {
            self.think_again(failures);
        }
    }

    fn think_again(&mut self, failures: u32) {
        if failures > MAX_FAILURES {
            return self.rescue("model_failed");
        }
        if let Some(reply) = &mut self.reply {
            reply.fallback = true;
            reply.step -= 1;
        }
        self.think();
    }

    // ---- steps ----------------------------------------------------------------------------------------

    /// Takes the reply as far as it goes.
    pub(crate) fn advance_reply(&mut self) {
        let Some(reply) = self.reply.as_ref() else { return self.report_late_results() };
        if !reply.committed || !reply.step_is_done() || self.deferred.is_some() {
            return;
        }
        let speaks = reply.say.is_some_and(|id| self.speeches.iter().any(|s| s.id == id && !s.hushed));
        let ends = reply.after.is_some();
        let empty =
            reply.say.is_none() && reply.failures <= MAX_FAILURES && self.config.mind == Mind::Pipeline;
        if !reply.calls.is_empty() {
            let wait = !self.config.turns.tools.think_during_speech || ends;
            if speaks && wait {
                return;
            }
            // What follows the last word has not happened yet.
            if !ends {
                self.commit_done_calls();
                return self.next_step();
            }
        }
        if ends {
            self.perform_after();
        } else if empty {
            self.nothing_said();
        } else if !speaks && !self.says_reply() {
            self.complete_reply();
        }
    }

    /// The model answered with nothing: the next one of the chain may know more.
    fn nothing_said(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        reply.failures += 1;
        let (failures, spoke) = (reply.failures, reply.spoke);
        self.explain(Decision::Watchdog, "empty_answer", [("times", f64::from(failures))]);
        if failures <= MAX_FAILURES {
            return self.think_again(failures);
        }
        if !spoke {
            self.say_phrase(SayKind::Apology, self.config.phrases.not_heard.clone());
        }
        self.complete_reply();
    }

    fn says_reply(&self) -> bool {
        self.speeches.iter().any(|s| s.kind == SayKind::Reply)
    }

    fn next_step(&mut self) {
        if self.config.mind == Mind::Live {
            self.reply = None;
            return self.waits.owe(self.now);
        }
        self.waits.owe_still(self.now, self.last_speech_end);
        self.think();
    }

    fn complete_reply(&mut self) {
        self.reply = None;
        self.waits.paid();
        self.toolbox.mark_reported();
        self.close_turn("complete");
        self.report_late_results();
    }

    /// What follows the last word: the end, a transfer, the answering machine.
    fn perform_after(&mut self) {
        if !self.speeches.is_empty() || self.live.awaiting {
            return;
        }
        let phrases = &self.config.phrases;
        let Some(reply) = &mut self.reply else { return };
        let Some(after) = reply.after.clone() else { return };
        if !std::mem::replace(&mut reply.spoke, true) {
            let phrase = match after {
                After::End => phrases.goodbye.clone(),
                After::Transfer { .. } => phrases.transfer.clone(),
                After::Voicemail => phrases.voicemail.clone(),
            };
            self.waits.paid();
            self.say_phrase(SayKind::Notice, phrase);
            if !self.speeches.is_empty() || self.live.awaiting {
                return;
            }
        }
        if self.caller_objects() {
            return;
        }
        self.waits.paid();
        let calls = self.reply.take().map(|reply| reply.calls).unwrap_or_default();
        match after {
            After::Transfer { to } => self.start_transfer(to, calls),
            After::End => {
                self.file_pairs(calls, None);
                self.leave(LeaveReason::AgentEnded);
            }
            After::Voicemail => {
                self.file_pairs(calls, None);
                self.emit(Output::Voicemail);
                self.leave(LeaveReason::Voicemail);
            }
        }
    }

    /// The caller began to speak, or to type, on the last word: perhaps not to be sent away yet. A rescue does not ask.
    fn caller_objects(&self) -> bool {
        let open = [Timer::EndOfTurn, Timer::SttWait, Timer::TurnModel, Timer::Digits];
        let speaks = self.caller.has_floor() || open.iter().any(|&timer| self.timers.get(timer).is_some());
        speaks && !self.rescuing && self.config.mind == Mind::Pipeline
    }

    /// Results of tools that outlived their reply are told when nobody speaks.
    fn report_late_results(&mut self) {
        let free =
            self.toolbox.unreported && self.is_idle() && !self.caller.has_floor() && !self.caller.has_words();
        if free && self.phase == crate::dialogue::Phase::Talking {
            self.explain(Decision::Tool, "late_result", []);
            self.reply = Some(Reply::new(self.turn, String::new(), true));
            self.waits.owe(self.now);
            match self.config.mind {
                Mind::Pipeline => self.think(),
                Mind::Live => self.recycle_live(),
            }
        }
    }

    /// Gives the reply up. Ended tools keep their place in the history, lasting ones go on behind the scenes.
    pub(crate) fn abort_reply(&mut self) {
        let Some(mut reply) = self.reply.take() else { return };
        self.waits.paid();
        if let Some(id) = reply.think.take() {
            self.emit(Output::CancelThink { id });
        }
        if reply.after.is_some() {
            revoke(&mut reply.calls, "It did not happen: the caller spoke.");
        }
        let cancel_reads = self.config.turns.tools.cancel_reads;
        let mut done = Vec::new();
        for mut call in std::mem::take(&mut reply.calls) {
            let read = call.class == crate::ToolClass::Read && cancel_reads;
            match call.state {
                CallState::Kept => {}
                CallState::Done { .. } => done.push(call),
                CallState::Collecting => {
                    self.toolbox.collecting = None;
                    let output = "The caller spoke instead of typing.".to_owned();
                    call.state = CallState::Done { output, error: true };
                    done.push(call);
                }
                CallState::Running if read => {
                    self.explain(Decision::Tool, "cancelled", []);
                    self.emit(Output::CancelTool { id: call.id });
                }
                CallState::Running | CallState::Joined(_) => {
                    self.explain(Decision::Tool, "goes_on", []);
                    self.toolbox.keep(call, self.now);
                }
            }
        }
        let say = reply.say;
        self.file_pairs(done, say);
        // Words that nobody may interrupt are said to the end of what is there.
        let uninterruptible = |s: &&Speech| Some(s.id) == say && !s.closed && !self.may_interrupt(s);
        if let Some(id) = self.speeches.iter().find(uninterruptible).map(|s| s.id) {
            self.say_more(id, "", true);
        }
    }

    /// Ended calls of the step enter the history: behind the step's words, or now.
    pub(crate) fn commit_done_calls(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        let (done, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut reply.calls).into_iter().partition(|c| c.is_done());
        reply.calls = rest;
        let say = reply.say;
        self.file_pairs(done, say);
    }

    pub(crate) fn file_pairs(&mut self, calls: Vec<crate::reply::Call>, say: Option<SayId>) {
        if calls.is_empty() {
            return;
        }
        if self.config.mind == Mind::Live {
            // Told of a way out the session would only speak again.
            for call in calls.iter().filter(|call| !promises(call)) {
                if let CallState::Done { output, .. } = &call.state {
                    let (vendor_id, output) = (call.call.vendor_id.clone(), output.clone());
                    self.emit(Output::Live(LiveCommand::ToolOutput { vendor_id, output }));
                }
            }
        }
        let messages = crate::toolbox::pairs(&calls);
        match say.and_then(|id| self.speeches.iter_mut().find(|s: &&mut Speech| s.id == id)) {
            Some(speech) => speech.then.extend(messages),
            None => messages.into_iter().for_each(|m| self.commit(m, false)),
        }
    }
}

/// Stands for the caller where a tool's result came after the agent's last words; never enters the history.
const TELL_RESULT: &str = "[The result of a tool has arrived. Tell the caller.]";

/// Failed requests in one turn, after which the caller is sent to somebody else.
const MAX_FAILURES: u32 = 1;
