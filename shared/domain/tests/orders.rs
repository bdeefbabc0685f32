//! Every permutation, repetition and loss of a call's events gives the same record: at least 100 000
//! cases, each of them another order, with other events repeated or lost.

use domain::{
    Arrival, CallId, CallRecord, CallState, Caller, CarrierStatus, ConnectEnd, Direction, EndReason, Fact,
    Facts, JobId, Leg, LegStatus, Next, OperatorAct, ParticipantEvent, Party, Presence, Provider, Report,
    Road, RoomEvent, Sweep, VoicemailEvent, WallTime,
};
use proptest::prelude::*;

/// Sets of facts drawn at random, and orders tried for each.
const SETS: u32 = 4_000;
const ORDERS: u64 = 25;

fn call() -> CallId {
    CallId::new("CA1").expect("a valid id")
}

/// Facts that collide often: few names, few moments, all kinds.
fn any_fact() -> impl Strategy<Value = Fact> {
    let parts = (0..40_u64, 0..13_usize, 0..10_usize, 0..5_usize, any::<bool>());
    parts.prop_map(|(secs, kind, pick, more, flag)| fact(WallTime::from_secs(secs), kind, pick, more, flag))
}

fn fact(at: WallTime, kind: usize, pick: usize, more: usize, flag: bool) -> Fact {
    let provider = if flag { Provider::Twilio } else { Provider::Sip };
    let job = JobId::new(format!("AJ_{more}")).expect("a valid id");
    let reason = EndReason::ALL[(pick * 5 + more) % EndReason::ALL.len()];
    match kind {
        0 => Fact::arrived(at, some_arrival(provider, pick, more)),
        1..=4 => Fact::status(at, Provider::Twilio, some_status(pick, more, flag)),
        5 => Fact::connect_ended(at, Provider::Twilio, None, some_connect_end(pick, more, flag)),
        6 => Fact::room(at, &format!("EV_r{more}"), [RoomEvent::Started, RoomEvent::Finished][pick % 2]),
        7 | 8 => Fact::participant(at, &format!("EV_{pick}"), some_presence(pick, more)),
        9 => Fact::agent(at, job, Report::Ended { reason }),
        10 => Fact::agent(at, job, some_report(pick)),
        11 if flag => Fact::swept(at, [Sweep::Over { reason }, Sweep::Redispatched][pick % 2]),
        11 => Fact::operator(at, "r", [OperatorAct::Stopped, OperatorAct::TookOver][pick % 2]),
        _ => {
            let recording = flag.then(|| format!("RE{pick}"));
            let event = VoicemailEvent { recording, duration_s: None, again: more.is_multiple_of(2) };
            Fact::voicemail(at, Provider::Twilio, 0, event)
        }
    }
}

fn status(pick: usize) -> CarrierStatus {
    let words = "queued initiated ringing in-progress completed busy failed no-answer canceled paused";
    CarrierStatus::parse(words.split(' ').nth(pick % 10).unwrap_or_default())
}

fn some_arrival(provider: Provider, pick: usize, more: usize) -> Arrival {
    let roads = [Road::Sip, Road::MediaStreams, Road::Legacy, Road::Voicemail, Road::Busy];
    Arrival {
        provider,
        direction: [Direction::Inbound, Direction::Outbound][pick % 2],
        caller: Caller::Withheld,
        number: None,
        agent: None,
        road: roads[more],
        turned_away: (pick > 7).then_some(EndReason::CapacityFull),
    }
}

fn some_status(pick: usize, more: usize, flag: bool) -> LegStatus {
    let child = || Leg::Child("CA2".parse().expect("a valid id"));
    let leg = if more == 4 { child() } else { Leg::Parent };
    let sequence = flag.then_some(more as u64);
    LegStatus { leg, status: status(pick), sequence, duration_s: Some(9), sip_code: None }
}

fn some_connect_end(pick: usize, more: usize, flag: bool) -> ConnectEnd {
    let next = [Next::HangUp, Next::Voicemail][more % 2];
    ConnectEnd { status: status(pick), bridged: Some(flag), duration_s: None, sip_code: None, next }
}

fn some_presence(pick: usize, more: usize) -> ParticipantEvent {
    let changes = [
        Presence::Joined,
        Presence::Left,
        Presence::LeftWithRoom,
        Presence::Removed,
        Presence::ConnectionLost,
    ];
    ParticipantEvent { party: [Party::Caller, Party::Agent, Party::Other][pick % 3], change: changes[more] }
}

fn some_report(pick: usize) -> Report {
    match pick % 5 {
        0 => Report::Joined,
        1 => Report::CallerRinging,
        2 => Report::CallerActive,
        3 => Report::Superseded,
        _ => Report::Summary { json: format!("{{\"turns\": {pick}}}") },
    }
}

/// Numbers that look random and are the same in every run (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    /// Another order of the facts, a third of them delivered again, later.
    fn order(&mut self, facts: &[Fact]) -> Vec<Fact> {
        let mut order = facts.to_vec();
        for fact in facts {
            if self.below(3) == 0 {
                let again = Fact { at: fact.at.plus_secs(self.below(50) as u64), ..fact.clone() };
                order.push(again);
            }
        }
        for i in (1..order.len()).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// The record, learnt fact by fact. Never back, and over at most once.
fn learn_step_by_step(order: &[Fact]) -> Option<CallRecord> {
    let (mut facts, mut last) = (Facts::new(), None::<CallRecord>);
    for fact in order {
        facts.insert(fact.clone());
        let now = CallRecord::of(&call(), &facts).expect("one fact at least");
        if let Some(before) = &last {
            assert!(now.state >= before.state, "{:?} after {:?}", now.state, before.state);
        }
        assert_eq!(now.end_reason.is_some(), now.state == CallState::Ended);
        assert_eq!(now.ended_at.is_some(), now.state == CallState::Ended);
        assert_eq!(now.fault, now.end_reason.map(EndReason::whose));
        assert!(now.answered_at.is_none() || now.ended_at.is_none() || now.answered_at <= now.ended_at);
        last = Some(now);
    }
    last
}

proptest! {
    #![proptest_config(ProptestConfig { cases: SETS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_repetition_and_loss_gives_one_record(
        facts in prop::collection::vec(any_fact(), 1..12),
        seed in 1..u64::MAX,
    ) {
        let known: Facts = facts.iter().cloned().collect();
        let expected = CallRecord::of(&call(), &known);
        let mut dice = Dice(seed);
        for _ in 0..ORDERS {
            let order = dice.order(&facts);
            let learnt: Facts = order.iter().cloned().collect();
            prop_assert_eq!(CallRecord::of(&call(), &learnt), expected.clone());
        }
        prop_assert_eq!(learn_step_by_step(&dice.order(&facts)), expected);
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        a in prop::collection::vec(any_fact(), 0..6),
        b in prop::collection::vec(any_fact(), 0..6),
        c in prop::collection::vec(any_fact(), 0..6),
    ) {
        let [a, b, c]: [Facts; 3] = [a, b, c].map(|facts| facts.into_iter().collect());
        let merged = |x: &Facts, y: &Facts| { let mut x = x.clone(); x.merge(y.clone()); x };
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &a), a);
    }

    #[test]
    fn whatever_was_lost_the_sweeper_closes_the_call_and_nothing_reopens_it(
        facts in prop::collection::vec(any_fact(), 0..10),
        late in prop::collection::vec(any_fact(), 0..6),
    ) {
        let over = Fact::swept(WallTime::from_secs(99), Sweep::Over { reason: EndReason::Lost });
        let mut known: Facts = facts.into_iter().chain([over]).collect();
        prop_assert_eq!(CallRecord::of(&call(), &known).map(|r| r.state), Some(CallState::Ended));
        known.merge(late.into_iter().collect());
        let record = CallRecord::of(&call(), &known).expect("facts");
        prop_assert_eq!(record.state, CallState::Ended);
        prop_assert!(record.end_reason.is_some());
    }
}

/// The events of one real call, in all their 40 320 orders.
#[test]
fn every_order_of_one_call_gives_one_record() {
    let at = WallTime::from_secs;
    let status = |secs, n, status| {
        let (leg, sequence) = (Leg::Parent, Some(n));
        Fact::status(
            at(secs),
            Provider::Twilio,
            LegStatus { leg, status, sequence, duration_s: None, sip_code: None },
        )
    };
    let job = || JobId::new("AJ_1").expect("a valid id");
    let left = ParticipantEvent { party: Party::Caller, change: Presence::Left };
    let mut facts = vec![
        Fact::arrived(at(0), some_arrival(Provider::Twilio, 0, 0)),
        status(1, 0, CarrierStatus::Ringing),
        status(2, 1, CarrierStatus::InProgress),
        Fact::agent(at(2), job(), Report::CallerActive),
        Fact::participant(at(60), "EV_1", left),
        Fact::agent(at(60), job(), Report::Ended { reason: EndReason::CallerHangup }),
        Fact::connect_ended(at(61), Provider::Twilio, None, some_connect_end(4, 0, true)),
        status(61, 2, CarrierStatus::Completed),
    ];
    let expected = CallRecord::of(&call(), &facts.iter().cloned().collect()).expect("facts");
    assert_eq!(expected.end_reason, Some(EndReason::CallerHangup));
    let mut orders = 0;
    permute(&mut facts, 0, &mut |order| {
        let learnt: Facts = order.iter().cloned().collect();
        assert_eq!(CallRecord::of(&call(), &learnt).as_ref(), Some(&expected));
        orders += 1;
    });
    assert_eq!(orders, 40_320);
}

fn permute(facts: &mut [Fact], from: usize, visit: &mut impl FnMut(&[Fact])) {
    if from == facts.len() {
        return visit(facts);
    }
    for i in from..facts.len() {
        facts.swap(from, i);
        permute(facts, from + 1, visit);
        facts.swap(from, i);
    }
}
