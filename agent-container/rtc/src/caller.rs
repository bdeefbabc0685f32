//! Who the call is with, across sessions. Pure.

use line::LineEvent;

use crate::options::Caller;
use crate::participant::{ACTIVE, CALL_STATUS, HANGUP, Kind, Participant, Roster, changed_attributes};

/// Follows the caller through what the server says about participants.
#[derive(Debug)]
pub(crate) struct CallerWatch {
    policy: Caller,
    caller: Option<Participant>,
    answered: bool,
}

/// What an observation found.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) events: Vec<LineEvent>,
    /// The caller was here and is not any more.
    pub(crate) gone: bool,
    /// The telephone is answered, and nobody subscribes to us yet: what we said now would be lost.
    pub(crate) unheard: bool,
}

impl CallerWatch {
    pub(crate) fn new(policy: Caller) -> Self {
        Self { policy, caller: None, answered: false }
    }

    /// The caller as last seen.
    pub(crate) fn caller(&self) -> Option<&Participant> {
        self.caller.as_ref()
    }

    /// Whether the caller is a telephone behind livekit-sip.
    pub(crate) fn is_telephone(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.kind == Kind::Sip)
    }

    /// Compares with the newest list; `has_track`: one of the caller's audio tracks is subscribed; `is_heard`:
    /// somebody subscribes to ours.
    pub(crate) fn observe(&mut self, roster: &Roster, has_track: bool, is_heard: bool) -> Observed {
        let mut events = Vec::new();
        match self.caller.take() {
            None => {
                let Some(candidate) = roster.candidate(self.policy) else {
                    return Observed { events, gone: false, unheard: false };
                };
                let (identity, attributes) = (candidate.identity.clone(), candidate.attributes.clone());
                events.push(LineEvent::CallerJoined { identity, attributes });
                self.caller = Some(candidate.clone());
            }
            Some(before) => {
                let Some(now) = roster.by_identity(&before.identity) else {
                    self.caller = Some(before);
                    return Observed { events, gone: true, unheard: false };
                };
                let changed = changed_attributes(&before.attributes, &now.attributes);
                events.extend(changed.into_iter().map(|(name, value)| LineEvent::Attribute { name, value }));
                self.caller = Some(now.clone());
            }
        }
        let can_hear = !self.answered && self.can_hear_us(has_track);
        // Who is no telephone subscribes as it joins. livekit-sip answers before it does.
        let unheard = can_hear && self.is_telephone() && !is_heard;
        if can_hear && !unheard {
            self.answered = true;
            events.push(LineEvent::Answered);
        }
        let gone = self.is_telephone() && self.status() == Some(HANGUP);
        Observed { events, gone, unheard }
    }

    fn status(&self) -> Option<&str> {
        self.caller.as_ref()?.attributes.get(CALL_STATUS).map(String::as_str)
    }

    fn can_hear_us(&self, has_track: bool) -> bool {
        let Some(caller) = &self.caller else { return false };
        match caller.kind {
            Kind::Sip => self.status() == Some(ACTIVE),
            Kind::Agent | Kind::Other => has_track,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CallerWatch;
    use crate::options::Caller;
    use crate::participant::{CALL_STATUS, Kind, Participant, Roster};

    fn someone(sid: &str, kind: Kind, status: &str) -> Participant {
        let attributes = [(CALL_STATUS.to_owned(), status.to_owned())].into();
        let (sid, identity, audio_tracks) = (sid.to_owned(), "caller".to_owned(), vec![]);
        Participant { sid, identity, kind, gone: false, joined_at_ms: 2, attributes, audio_tracks }
    }

    /// Lists of others (empty: alone in the room) in, a line per observation out.
    fn check(policy: Caller, seen: &[(Option<Participant>, bool)], expected: &[&str]) {
        let seen: Vec<_> = seen.iter().map(|(other, has_track)| (other.clone(), *has_track, true)).collect();
        check_heard(policy, &seen, expected);
    }

    /// The same where nobody may have subscribed to us yet.
    #[track_caller]
    fn check_heard(policy: Caller, seen: &[(Option<Participant>, bool, bool)], expected: &[&str]) {
        let me = Participant { identity: "me".into(), ..someone("me", Kind::Agent, "") };
        let mut watch = CallerWatch::new(policy);
        let lines = seen.iter().map(|(other, has_track, is_heard)| {
            let roster = Roster::new(me.clone(), other.clone().into_iter().collect());
            let observed = watch.observe(&roster, *has_track, *is_heard);
            let names = observed.events.iter().map(|event| {
                let name = format!("{event:?}");
                name.split([' ', '(']).next().unwrap_or_default().to_owned()
            });
            let mut names: Vec<_> = names.collect();
            names.extend(observed.gone.then(|| "gone".into()));
            names.extend(observed.unheard.then(|| "unheard".into()));
            names.join(" ")
        });
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_telephone_is_answered_when_its_status_says_so_and_only_once() {
        let phone = |status| Some(someone("p", Kind::Sip, status));
        check(
            Caller::Sip,
            &[
                (None, false),
                (phone("ringing"), true),
                (phone("ringing"), true),
                (phone("active"), true),
                (phone("active"), true),
            ],
            &["", "CallerJoined", "", "Attribute Answered", ""],
        );
    }

    #[test]
    fn a_telephone_that_is_there_already_is_answered_at_once() {
        check(Caller::Sip, &[(Some(someone("p", Kind::Sip, "active")), false)], &["CallerJoined Answered"]);
    }

    #[test]
    fn a_telephone_is_answered_no_sooner_than_it_can_hear_us() {
        let phone = |status| Some(someone("p", Kind::Sip, status));
        check_heard(
            Caller::Sip,
            &[
                (phone("ringing"), true, false),
                (phone("active"), true, false),
                (phone("active"), true, true),
                (phone("active"), true, false),
            ],
            &["CallerJoined", "Attribute unheard", "Answered", ""],
        );
    }

    #[test]
    fn anybody_else_is_answered_with_their_track() {
        let peer = || Some(someone("p", Kind::Other, ""));
        check(Caller::Anyone, &[(peer(), false), (peer(), true)], &["CallerJoined", "Answered"]);
        check(Caller::Sip, &[(peer(), true)], &[""]);
    }

    #[test]
    fn a_caller_who_came_back_under_another_sid_is_the_same() {
        let peer = |sid| Some(someone(sid, Kind::Other, ""));
        check(Caller::Anyone, &[(peer("a"), true), (peer("b"), true)], &["CallerJoined Answered", ""]);
    }

    #[test]
    fn a_telephone_that_hung_up_is_gone_though_its_ghost_is_there() {
        let phone = |status| Some(someone("p", Kind::Sip, status));
        check(
            Caller::Sip,
            &[(phone("active"), true), (phone("hangup"), true)],
            &["CallerJoined Answered", "Attribute gone"],
        );
    }

    #[test]
    fn a_caller_who_left_is_gone() {
        check(
            Caller::Sip,
            &[(Some(someone("p", Kind::Sip, "ringing")), false), (None, false)],
            &["CallerJoined", "gone"],
        );
    }
}
