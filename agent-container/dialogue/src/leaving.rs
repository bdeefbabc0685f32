//! Ways out of the call: transfer, voicemail, goodbye, drain.

use crate::dialogue::Phase;
use crate::reply::{After, Call, Reply};
use crate::toolbox::revoke;
use crate::{
    Decision, Dialogue, LeaveReason, Mind, Output, Rescue, SayKind, Timer, TransferId, TransferResult,
};

impl Dialogue {
    /// `calls` are the model's that led here; they are told how it ended.
    pub(crate) fn start_transfer(&mut self, to: String, calls: Vec<Call>) {
        let id = TransferId(self.ids.transfer.next());
        self.transfer = Some(id);
        self.transferring = calls;
        self.timers.clear(Timer::Digits);
        self.toolbox.typed.clear();
        self.timers.set(Timer::Transfer, self.now + self.config.turns.limits.transfer_ms);
        self.emit(Output::Transfer { id, to });
    }

    pub(crate) fn on_transfer(&mut self, id: TransferId, result: TransferResult) {
        if self.transfer != Some(id) {
            return self.explain(Decision::Stale, "transfer", []);
        }
        self.transfer = None;
        self.timers.clear(Timer::Transfer);
        match result {
            TransferResult::Done => self.leave(LeaveReason::Transferred),
            TransferResult::Failed { sip_status } => {
                let status = sip_status.map_or(0.0, f64::from);
                self.explain(Decision::Leave, "transfer_failed", [("sip_status", status)]);
                let status = sip_status.map_or(String::new(), |status| format!(" (SIP status {status})"));
                self.transfer_failed(&format!("Nobody took the call{status}."));
            }
        }
    }

    pub(crate) fn transfer_is_late(&mut self) {
        self.transfer = None;
        self.explain(Decision::Leave, "transfer_late", []);
        self.transfer_failed("Nobody took the call in time.");
    }

    fn transfer_failed(&mut self, why: &str) {
        let asked = !self.transferring.is_empty();
        revoke(&mut self.transferring, why);
        self.file_transfer();
        if matches!(self.phase, Phase::Leaving(_)) {
            return;
        }
        self.waits.refresh(self.now);
        if self.rescuing {
            return self.leave_after(LeaveReason::Failed, self.config.phrases.failed.clone());
        }
        if asked && self.config.mind == Mind::Live {
            // Told of the failure it speaks by itself.
            return self.waits.owe(self.now);
        }
        self.say_phrase(SayKind::Apology, self.config.phrases.transfer_failed.clone());
    }

    /// The model's calls for a transfer enter the history when it has ended.
    pub(crate) fn file_transfer(&mut self) {
        let calls = std::mem::take(&mut self.transferring);
        self.file_pairs(calls, None);
    }

    /// The caller cannot be served here.
    pub(crate) fn rescue(&mut self, rule: &str) {
        self.explain(Decision::Watchdog, rule, []);
        self.give_way();
        self.rescuing = true;
        let after = match &self.config.rescue {
            Rescue::Transfer { to } => After::Transfer { to: to.clone() },
            Rescue::Voicemail => After::Voicemail,
            Rescue::HangUp => {
                return self.leave_after(LeaveReason::Failed, self.config.phrases.failed.clone());
            }
        };
        let mut reply = Reply::new(self.turn, String::new(), true);
        reply.thought = true;
        reply.after = Some(after);
        reply.spoke = self.voice_gone;
        self.reply = Some(reply);
    }

    /// Neither voice nor fallback speaks: out, without words.
    pub(crate) fn voice_is_gone(&mut self) {
        self.voice_gone = true;
        if matches!(self.phase, Phase::Leaving(_)) {
            return;
        }
        if self.config.rescue == Rescue::HangUp {
            return self.leave(LeaveReason::Failed);
        }
        self.rescue("voice_failed");
    }

    /// Says the last words, then leaves.
    pub(crate) fn leave_after(&mut self, reason: LeaveReason, words: String) {
        if matches!(self.phase, Phase::Leaving(_) | Phase::Over) {
            return;
        }
        if self.phase == Phase::Ringing {
            return self.leave(reason);
        }
        self.give_way();
        self.timers.clear_all();
        self.waits.paid();
        self.timers.set(Timer::Leave, self.now + LAST_WORDS_MS);
        if self.speeches.iter().any(|s| s.hushed) {
            self.timers.set(Timer::Hush, self.now + self.config.turns.limits.hush_ms);
        }
        self.say_phrase(SayKind::Goodbye, words);
        self.phase = Phase::Leaving(reason);
    }

    pub(crate) fn finish_leaving(&mut self) {
        if let Phase::Leaving(reason) = self.phase
            && self.speeches.is_empty()
            && !self.live.awaiting
        {
            self.leave(reason);
        }
    }

    pub(crate) fn leave_now(&mut self) {
        if let Phase::Leaving(reason) = self.phase {
            self.leave(reason);
        }
    }

    pub(crate) fn max_call(&mut self) {
        self.leave_after(LeaveReason::MaxDuration, self.config.phrases.max_call.clone());
    }

    pub(crate) fn drain(&mut self, within_ms: u64) {
        self.drained_by = Some(self.now + within_ms);
        self.timers.set(Timer::Drain, self.now + within_ms.saturating_sub(DRAIN_NOTICE_MS));
    }

    pub(crate) fn drain_now(&mut self) {
        self.leave_after(LeaveReason::Drained, self.config.phrases.drain.clone());
        let leave = self.timers.get(Timer::Leave).into_iter().chain(self.drained_by).min();
        if let Some(at) = leave.filter(|_| matches!(self.phase, Phase::Leaving(_))) {
            self.timers.set(Timer::Leave, at.max(self.now));
        }
    }
}

/// Last words take at most this long.
const LAST_WORDS_MS: u64 = 15_000;
/// The notice before a drain's end needs this long.
const DRAIN_NOTICE_MS: u64 = 8000;
