//! How a call ends: what the record says, and what is done about the caller's leg.

use dialogue::LeaveReason;
use domain::EndReason;
use line::LineEnd;

/// Which vendor failed last, for a call that ends because nothing worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Culprit {
    /// None that we know of.
    #[default]
    None,
    /// Speech to text.
    Stt,
    /// Language model.
    Llm,
    /// Text to speech.
    Tts,
    /// Speech to speech.
    Live,
}

/// What is done about the caller's leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// The line is gone already.
    None,
    /// End the caller's leg.
    HangUp,
    /// The record first, because the carrier is told what to do next from it; then end the leg.
    RecordThenHangUp,
    /// Leave; somebody else has the caller.
    Leave,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// What the record says; nothing when another agent serves the call.
    pub reason: Option<EndReason>,
    /// What is done about the caller's leg.
    pub goodbye: Goodbye,
}

impl Ending {
    /// Another agent was there first.
    pub const DUPLICATE: Self = Self { reason: None, goodbye: Goodbye::None };
    /// A panic.
    pub const CRASHED: Self = Self { reason: Some(EndReason::AgentCrashed), goodbye: Goodbye::HangUp };

    /// We end the call for this reason.
    #[must_use]
    pub const fn hang_up(reason: EndReason) -> Self {
        Self { reason: Some(reason), goodbye: Goodbye::HangUp }
    }

    /// The line ended by itself.
    #[must_use]
    pub const fn of_line(end: LineEnd, answered: bool) -> Self {
        let reason = match end {
            LineEnd::Duplicate => return Self::DUPLICATE,
            // A room is removed when the carrier or an operator ended the call; whoever did it says so itself.
            LineEnd::CallerLeft | LineEnd::Removed if answered => EndReason::CallerHangup,
            LineEnd::CallerLeft | LineEnd::Removed => EndReason::CallerCancelled,
            LineEnd::WeLeft => EndReason::AgentHangup,
            LineEnd::ConnectionLost => EndReason::LiveKitLost,
            LineEnd::SetupFailed => EndReason::LiveKitUnavailable,
        };
        Self { reason: Some(reason), goodbye: Goodbye::None }
    }

    /// The dialogue left.
    #[must_use]
    pub const fn of_dialogue(
        leave: LeaveReason,
        line: Option<LineEnd>,
        answered: bool,
        culprit: Culprit,
    ) -> Self {
        if let Some(end) = line {
            return Self::of_line(end, answered);
        }
        let reason = match leave {
            LeaveReason::CallerLeft if answered => EndReason::CallerHangup,
            LeaveReason::CallerLeft => EndReason::CallerCancelled,
            LeaveReason::AgentEnded => EndReason::AgentHangup,
            LeaveReason::Silence => EndReason::Inactivity,
            LeaveReason::MaxDuration => EndReason::MaxDuration,
            LeaveReason::Transferred => {
                return Self { reason: Some(EndReason::Transferred), goodbye: Goodbye::Leave };
            }
            LeaveReason::Voicemail => {
                return Self { reason: Some(EndReason::Voicemail), goodbye: Goodbye::RecordThenHangUp };
            }
            LeaveReason::Drained => EndReason::AgentDrained,
            LeaveReason::LineGone => EndReason::LiveKitLost,
            LeaveReason::Failed => match culprit {
                Culprit::Stt => EndReason::SttFailed,
                Culprit::Tts => EndReason::TtsFailed,
                Culprit::Live => EndReason::S2sFailed,
                Culprit::Llm | Culprit::None => EndReason::LlmFailed,
            },
        };
        Self::hang_up(reason)
    }

    /// Whether LiveKit is told that the job was served.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        match self.reason {
            Some(reason) => !matches!(reason.whose(), domain::Whose::Us | domain::Whose::Vendor),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_knows_better_than_the_dialogue_why_a_call_ended() {
        let check = |leave, line, answered, reason, goodbye| {
            let ending = Ending::of_dialogue(leave, line, answered, Culprit::Tts);
            assert_eq!(ending, Ending { reason, goodbye }, "{leave:?} {line:?}");
        };
        use {EndReason as E, LeaveReason as L};
        check(L::CallerLeft, Some(LineEnd::CallerLeft), true, Some(E::CallerHangup), Goodbye::None);
        check(L::CallerLeft, Some(LineEnd::CallerLeft), false, Some(E::CallerCancelled), Goodbye::None);
        check(L::LineGone, Some(LineEnd::ConnectionLost), true, Some(E::LiveKitLost), Goodbye::None);
        check(L::LineGone, Some(LineEnd::Duplicate), true, None, Goodbye::None);
        check(L::Failed, None, true, Some(E::TtsFailed), Goodbye::HangUp);
        check(L::Voicemail, None, true, Some(E::Voicemail), Goodbye::RecordThenHangUp);
        check(L::Transferred, None, true, Some(E::Transferred), Goodbye::Leave);
    }
}
