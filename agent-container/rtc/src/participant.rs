//! Who is in the room. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::options::Caller;

/// What kind of participant; only the kinds that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sip,
    Agent,
    Other,
}

/// Attribute livekit-sip keeps the state of a call's leg in.
pub(crate) const CALL_STATUS: &str = "sip.callStatus";
/// Its value from the 200 OK on.
pub(crate) const ACTIVE: &str = "active";
/// Its value after the end. livekit-sip says so before it leaves, and sometimes its leaving gets lost:
/// the server then keeps a ghost for 20 s.
pub(crate) const HANGUP: &str = "hangup";
/// Attribute livekit-server writes into an agent's token.
const AGENT_NAME: &str = "lk.agent_name";

/// A participant as the server last described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Participant {
    pub(crate) sid: String,
    pub(crate) identity: String,
    pub(crate) kind: Kind,
    pub(crate) gone: bool,
    pub(crate) joined_at_ms: i64,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Sids of published audio tracks, in the order of the server.
    pub(crate) audio_tracks: Vec<String>,
}

impl Participant {
    /// Whether `self` was here before `other`; sids decide when both joined in the same millisecond.
    fn is_elder_than(&self, other: &Self) -> bool {
        (self.joined_at_ms, &self.sid) < (other.joined_at_ms, &other.sid)
    }

    fn may_be(&self, caller: Caller) -> bool {
        match caller {
            Caller::Sip => self.kind == Kind::Sip,
            Caller::Anyone => self.kind != Kind::Agent,
        }
    }
}

/// Everybody in the room of one session, ourselves included.
#[derive(Debug)]
pub(crate) struct Roster {
    me: String,
    by_sid: HashMap<String, Participant>,
    /// Those who left: the server may repeat an older word on them. A sid is never used again.
    departed: HashSet<String>,
}

impl Roster {
    /// Ourselves and those who were here before.
    pub(crate) fn new(me: Participant, others: Vec<Participant>) -> Self {
        let mut roster = Self { me: me.sid.clone(), by_sid: HashMap::new(), departed: HashSet::new() };
        roster.update(me);
        others.into_iter().for_each(|other| roster.update(other));
        roster
    }

    /// Takes the server's newest word on a participant.
    pub(crate) fn update(&mut self, participant: Participant) {
        if participant.gone {
            self.by_sid.remove(&participant.sid);
            self.departed.insert(participant.sid);
        } else if !self.departed.contains(&participant.sid) {
            self.by_sid.insert(participant.sid.clone(), participant);
        }
    }

    /// The present participant with this identity.
    pub(crate) fn by_identity(&self, identity: &str) -> Option<&Participant> {
        self.by_sid.values().filter(|p| p.identity == identity).max_by_key(|p| p.joined_at_ms)
    }

    /// Who could be the caller: whoever came first.
    pub(crate) fn candidate(&self, caller: Caller) -> Option<&Participant> {
        let others = self.by_sid.values().filter(|p| p.sid != self.me && p.may_be(caller));
        others.min_by_key(|p| (p.kind != Kind::Sip, p.joined_at_ms))
    }

    /// Whether another agent of our name was here before us: the call is theirs.
    pub(crate) fn has_elder_agent(&self) -> bool {
        let Some(me) = self.by_sid.get(&self.me) else { return false };
        self.by_sid
            .values()
            .any(|other| other.kind == Kind::Agent && other.is_elder_than(me) && may_share_a_name(other, me))
    }
}

fn may_share_a_name(one: &Participant, other: &Participant) -> bool {
    let (one, other) = (one.attributes.get(AGENT_NAME), other.attributes.get(AGENT_NAME));
    one.is_none() || other.is_none() || one == other
}

/// Names and new values of what differs; a vanished attribute has the value "".
pub(crate) fn changed_attributes(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let set = set.map(|(name, value)| (name.clone(), value.clone()));
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), String::new()));
    set.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Participant, Roster, changed_attributes};
    use crate::options::Caller;

    fn participant(sid: &str, kind: Kind, joined_at_ms: i64) -> Participant {
        let (sid, identity) = (sid.to_owned(), format!("identity of {sid}"));
        Participant {
            sid,
            identity,
            kind,
            gone: false,
            joined_at_ms,
            attributes: [].into(),
            audio_tracks: vec![],
        }
    }

    fn named(name: &str, mut agent: Participant) -> Participant {
        agent.attributes.insert("lk.agent_name".into(), name.into());
        agent
    }

    #[test]
    fn the_younger_of_two_agents_finds_the_elder() {
        let (elder, younger) = (participant("a", Kind::Agent, 10), participant("b", Kind::Agent, 11));
        assert!(Roster::new(younger.clone(), vec![elder.clone()]).has_elder_agent());
        assert!(!Roster::new(elder, vec![younger]).has_elder_agent());
    }

    #[test]
    fn of_two_agents_in_the_same_millisecond_exactly_one_stays() {
        let (one, two) = (participant("a", Kind::Agent, 10), participant("b", Kind::Agent, 10));
        let leaves = |me: &Participant, other: &Participant| {
            Roster::new(me.clone(), vec![other.clone()]).has_elder_agent()
        };
        assert!(leaves(&one, &two) ^ leaves(&two, &one));
    }

    #[test]
    fn an_agent_of_another_name_or_a_caller_is_no_duplicate() {
        let me = named("ringdown", participant("b", Kind::Agent, 11));
        let other = named("recorder", participant("a", Kind::Agent, 10));
        assert!(!Roster::new(me.clone(), vec![other, participant("c", Kind::Sip, 1)]).has_elder_agent());
        let same = named("ringdown", participant("a", Kind::Agent, 10));
        assert!(Roster::new(me, vec![same]).has_elder_agent());
    }

    #[test]
    fn the_caller_is_who_the_option_says() {
        let me = participant("me", Kind::Agent, 5);
        let others = vec![
            participant("p", Kind::Other, 1),
            participant("s", Kind::Sip, 2),
            participant("a", Kind::Agent, 0),
        ];
        let mut roster = Roster::new(me, others);
        let caller = |roster: &Roster, of| roster.candidate(of).map(|p| p.sid.clone());
        assert_eq!(caller(&roster, Caller::Sip), Some("s".into()));
        assert_eq!(caller(&roster, Caller::Anyone), Some("s".into()));
        roster.update(Participant { gone: true, ..participant("s", Kind::Sip, 2) });
        assert_eq!(caller(&roster, Caller::Sip), None);
        assert_eq!(caller(&roster, Caller::Anyone), Some("p".into()));
    }

    #[test]
    fn who_left_does_not_come_back_by_an_old_word() {
        let sip = || participant("s", Kind::Sip, 2);
        let mut roster = Roster::new(participant("me", Kind::Agent, 5), vec![sip()]);
        roster.update(Participant { gone: true, ..sip() });
        roster.update(sip());
        assert_eq!(roster.candidate(Caller::Sip), None);
    }

    #[test]
    fn changed_set_and_removed_attributes_are_told() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let (old, new) =
            (map(&[("a", "1"), ("b", "1"), ("c", "1")]), map(&[("a", "1"), ("b", "2"), ("d", "3")]));
        let expected = [("b", "2"), ("d", "3"), ("c", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(changed_attributes(&old, &new), expected);
    }
}
