//! A speech-to-speech session as another mind and mouth: it hears, thinks and speaks by itself; the dialogue
//! gives its audio a place in the queue, keeps the books, and tells it how much was heard.

use crate::reply::Reply;
use crate::speech::Speech;
use crate::toolbox::{pairs, promises, revoke};
use crate::{Decision, Dialogue, LiveCommand, LiveEvent, Message, Mind, Output, SayKind, Timer};

/// State of the session.
#[derive(Debug, Default)]
pub(crate) struct Live {
    ready: bool,
    answered: bool,
    greeted: bool,
    /// The session's own VAD hears the caller.
    hears: bool,
    /// A response is being made.
    responding: bool,
    /// It was asked to say something and has not begun.
    pub(crate) awaiting: bool,
    /// What it was asked to say, until it begins.
    words: Option<String>,
    /// It should be renewed at the next idle point.
    pub(crate) expiring: bool,
    /// It was lost in the middle of an answer.
    cut_short: bool,
    /// Lost sessions in a row.
    losses: u32,
}

impl Dialogue {
    pub(crate) fn live_answered(&mut self) {
        self.live.answered = true;
        if self.waits.owes() {
            self.waits.owe(self.now);
        }
        self.greet_live();
    }

    fn greet_live(&mut self) {
        let greeting = self.config.greeting.trim().to_owned();
        if self.config.mind != Mind::Live || !self.live.ready || self.live.greeted {
            return;
        }
        self.live.greeted = true;
        if !greeting.is_empty() {
            self.live_say(&greeting);
        }
    }

    /// Has the session say given words.
    pub(crate) fn live_say(&mut self, words: &str) {
        self.live.words = Some(words.to_owned());
        self.live_respond(Some(format!("Say exactly this and nothing else: {words}")));
    }

    /// Asks for an answer; the watchdog sees to it that one comes.
    pub(crate) fn live_respond(&mut self, instructions: Option<String>) {
        self.live.awaiting = true;
        if !self.waits.owes() {
            self.waits.owe(self.now);
        }
        self.emit(Output::Live(LiveCommand::Respond { instructions }));
    }

    /// It was asked again and again, and is silent: it cannot say goodbye either.
    pub(crate) fn live_is_silent(&mut self) {
        self.live.awaiting = false;
        self.voice_is_gone();
    }

    pub(crate) fn on_live(&mut self, event: LiveEvent) {
        if self.config.mind != Mind::Live {
            return self.explain(Decision::Stale, "live", []);
        }
        match event {
            LiveEvent::Ready => {
                self.live.ready = true;
                self.live.losses = 0;
                self.timers.set(Timer::LiveRecycle, self.now + self.config.turns.limits.live_recycle_ms);
                self.answer_anew();
                self.greet_live();
            }
            LiveEvent::SpeechStarted => {
                self.live.hears = true;
                self.live_interrupts();
            }
            LiveEvent::SpeechStopped => {
                self.live.hears = false;
                self.waits.owe(self.now);
            }
            LiveEvent::Heard { text } => self.live_heard(&text),
            LiveEvent::ItemStarted { item } => self.live_speaks(item),
            LiveEvent::Text { item, delta } => {
                let item = Some(item);
                if let Some(speech) = self.speeches.iter_mut().find(|s| s.item == item && !s.hushed) {
                    speech.text.push_str(&delta);
                }
            }
            LiveEvent::ToolCall { vendor_id, name, arguments } => {
                if self.reply.is_none() {
                    self.reply = Some(Reply::new(self.turn, String::new(), true));
                }
                let speaks = self.speeches.iter().any(|s| s.item.is_some());
                if let Some(reply) = &mut self.reply {
                    reply.spoke |= speaks;
                }
                self.call_tool(vendor_id, &name, &arguments);
            }
            LiveEvent::ResponseDone(_) => self.live_done(),
            LiveEvent::Expiring => self.live.expiring = true,
            LiveEvent::Closed(failure) => {
                let rule = format!("live_{:?}", failure.kind).to_lowercase();
                self.explain(Decision::Hearing, &rule, [("losses", f64::from(self.live.losses))]);
                self.live_lost();
            }
        }
    }

    fn live_interrupts(&mut self) {
        let Some(front) = self.speeches.front() else { return };
        let dead_time = self.config.turns.interruption.dead_time_ms;
        let early = front.started.is_some_and(|s| self.now < s + dead_time);
        if !self.may_interrupt(front) || early {
            let rule = if early { "dead_time" } else { "uninterruptible" };
            return self.explain(Decision::NotInterrupted, rule, []);
        }
        self.explain(Decision::Interrupted, "live_speech", []);
        if std::mem::take(&mut self.live.responding) {
            self.emit(Output::Live(LiveCommand::Cancel));
        }
        self.forget_way_out();
        self.hush_all();
    }

    /// The caller spoke before the end, the transfer: it does not follow. The session need not answer to that.
    fn forget_way_out(&mut self) {
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.after.is_some()) else { return };
        let (mut promised, rest) = std::mem::take(&mut reply.calls).into_iter().partition(promises);
        reply.calls = rest;
        revoke(&mut promised, "It did not happen: the caller spoke.");
        pairs(&promised).into_iter().for_each(|message| self.commit(message, false));
        self.abort_reply();
    }

    fn live_heard(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.waits.refresh(self.now);
        self.waits.answered_by_caller();
        self.close_turn("superseded");
        self.open_turn("live", self.now);
        self.commit(Message::User { text: text.trim().to_owned() }, false);
    }

    fn live_speaks(&mut self, item: String) {
        self.live.words = None;
        self.live.awaiting = false;
        self.live.responding = true;
        let turn = self.turn;
        let say = self.open_speech(SayKind::Reply, turn);
        if let Some(speech) = self.speech(say) {
            speech.item = Some(item.clone());
        }
        self.emit(Output::Live(LiveCommand::Play { item, say }));
    }

    fn live_done(&mut self) {
        self.live.responding = false;
        self.live.awaiting = false;
        for speech in self.speeches.iter_mut().filter(|s| s.item.is_some()) {
            speech.closed = true;
        }
        if let Some(reply) = &mut self.reply {
            reply.thought = true;
        }
    }

    fn live_lost(&mut self) {
        self.live.ready = false;
        self.live.hears = false;
        self.live.losses += 1;
        let responded = std::mem::take(&mut self.live.responding);
        self.live.cut_short = std::mem::take(&mut self.live.awaiting) || responded;
        for speech in &mut self.speeches {
            speech.closed = true;
        }
        if self.live.losses > MAX_LOSSES {
            self.voice_gone = true;
            return self.rescue("live_lost");
        }
        if self.live.cut_short && !self.waits.owes() {
            self.waits.owe(self.now);
        }
        self.recycle_live();
    }

    /// A new session knows the history, but nothing in it makes it speak: what is owed must be asked for.
    fn answer_anew(&mut self) {
        if let Some(words) = self.live.words.take() {
            return self.live_say(&words);
        }
        if self.live.awaiting || !self.waits.owes() {
            return;
        }
        let cut_short = std::mem::take(&mut self.live.cut_short);
        let heard = cut_short
            || matches!(
                self.history().last().map(|item| &item.message),
                Some(Message::User { .. } | Message::ToolOutput { .. })
            );
        if !heard {
            return self.live_say(&self.config.phrases.not_heard.clone());
        }
        self.live_respond(None);
    }

    /// A new session with the history so far.
    pub(crate) fn recycle_live(&mut self) {
        self.live.expiring = false;
        self.live.ready = false;
        let messages = self.messages(None);
        self.emit(Output::Live(LiveCommand::Recycle { messages }));
    }

    pub(crate) fn recycle_when_idle(&mut self) {
        let live = &self.live;
        let busy = live.responding || live.awaiting || live.hears || self.waits.owes();
        if live.expiring && !busy && self.is_idle() && !self.caller.has_floor() {
            self.explain(Decision::Hearing, "live_recycled", []);
            self.recycle_live();
        }
    }

    /// The last speech of a live turn is over.
    pub(crate) fn close_live_turn(&mut self, speech: &Speech) {
        if self.config.mind == Mind::Live && speech.item.is_some() && self.is_idle() && !self.live.responding
        {
            self.close_turn("complete");
        }
    }
}

/// Sessions lost in a row after which the caller is sent to somebody else.
const MAX_LOSSES: u32 = 2;
