//! The record of a call: what facts add up to, in every order, with every repetition and loss.
#![allow(clippy::unwrap_used, reason = "tests stop where something is not as it must be")]

use domain::{
    AgentId, Arrival, CallId, CallRecord, CallState, Caller, CarrierStatus, ConnectEnd, Direction, E164,
    EndReason, Fact, Facts, JobId, Leg, LegStatus, Next, OperatorAct, ParticipantEvent, Party, Presence,
    Provider, Report, Road, RoomEvent, Sweep, VoicemailEvent, WallTime, Whose,
};

use CarrierStatus::{Busy, Canceled, Completed, Failed, InProgress, NoAnswer, Ringing};

fn id() -> CallId {
    CallId::new("CA1").unwrap()
}

fn t(secs: u64) -> WallTime {
    WallTime::from_secs(secs)
}

fn job(n: u32) -> JobId {
    JobId::new(format!("AJ_{n}")).unwrap()
}

fn arrival(provider: Provider, direction: Direction, road: Road, turned_away: Option<EndReason>) -> Arrival {
    Arrival {
        provider,
        direction,
        caller: Caller::parse("+15550100123"),
        number: Some(E164::new("+15550100100").unwrap()),
        agent: Some(AgentId::new("reception").unwrap()),
        road,
        turned_away,
    }
}

fn inbound(road: Road) -> Fact {
    Fact::arrived(t(0), arrival(Provider::Twilio, Direction::Inbound, road, None))
}

fn turned_away(road: Road, reason: EndReason) -> Fact {
    Fact::arrived(t(0), arrival(Provider::Twilio, Direction::Inbound, road, Some(reason)))
}

fn outbound() -> Fact {
    Fact::arrived(t(0), arrival(Provider::Twilio, Direction::Outbound, Road::Sip, None))
}

fn by_trunk() -> Fact {
    Fact::arrived(t(0), arrival(Provider::Sip, Direction::Inbound, Road::Sip, None))
}

fn parent(secs: u64, sequence: u64, status: CarrierStatus) -> Fact {
    leg(secs, Leg::Parent, Some(sequence), status, None)
}

fn leg(secs: u64, leg: Leg, sequence: Option<u64>, status: CarrierStatus, sip_code: Option<u16>) -> Fact {
    let duration_s = (status == Completed).then_some(37);
    Fact::status(t(secs), Provider::Twilio, LegStatus { leg, status, sequence, duration_s, sip_code })
}

fn connect_ended(
    secs: u64,
    status: CarrierStatus,
    bridged: Option<bool>,
    code: Option<u16>,
    next: Next,
) -> Fact {
    let end = ConnectEnd { status, bridged, duration_s: None, sip_code: code, next };
    Fact::connect_ended(t(secs), Provider::Twilio, None, end)
}

fn presence(secs: u64, event: &str, party: Party, change: Presence) -> Fact {
    Fact::participant(t(secs), event, ParticipantEvent { party, change })
}

fn agent(secs: u64, n: u32, report: Report) -> Fact {
    Fact::agent(t(secs), job(n), report)
}

fn agent_ended(secs: u64, n: u32, reason: EndReason) -> Fact {
    agent(secs, n, Report::Ended { reason })
}

fn swept(secs: u64, reason: EndReason) -> Fact {
    Fact::swept(t(secs), Sweep::Over { reason })
}

fn message(secs: u64, recording: Option<&str>, again: bool) -> Fact {
    let event = VoicemailEvent { recording: recording.map(str::to_owned), duration_s: None, again };
    Fact::voicemail(t(secs), Provider::Twilio, u32::from(!again), event)
}

fn record(facts: &[Fact]) -> CallRecord {
    CallRecord::of(&id(), &facts.iter().cloned().collect()).expect("facts")
}

/// Facts in, and what of the record matters out: `state end_reason fault road answered..ended duration`.
#[track_caller]
fn check(facts: &[Fact], expected: &str) {
    let record = record(facts);
    let secs = |at: Option<WallTime>| at.map_or("-".to_owned(), |at| at.as_secs().to_string());
    let found = format!(
        "{} {} {} {} {}..{} {}",
        record.state.as_str(),
        record.end_reason.map_or("-", EndReason::as_str),
        record.fault.map_or("-", Whose::as_str),
        record.road.map_or("-", Road::as_str),
        secs(record.answered_at),
        secs(record.ended_at),
        record.duration_s.map_or("-".to_owned(), |s| format!("{s}s")),
    );
    assert_eq!(found, expected);
}

/// A call that goes well, told by everybody.
fn good_call() -> Vec<Fact> {
    vec![
        inbound(Road::Sip),
        parent(1, 0, Ringing),
        agent(2, 1, Report::CallerActive),
        parent(2, 1, InProgress),
        agent_ended(39, 1, EndReason::AgentHangup),
        presence(39, "EV_1", Party::Caller, Presence::LeftWithRoom),
        connect_ended(40, Completed, Some(true), None, Next::HangUp),
        parent(40, 2, Completed),
    ]
}

#[test]
fn a_good_call_ends_as_its_agent_says() {
    check(&good_call(), "ended agent_hangup nobody sip 2..40 37s");
    check(&good_call()[..4], "active - - sip 2..- -");
    check(&good_call()[..2], "ringing - - sip -..- -");
    check(&good_call()[..6], "active - - sip 2..- -");
}

#[test]
fn whoever_remains_tells_the_end() {
    let without = |lost: &[usize]| -> Vec<Fact> {
        good_call().into_iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, f)| f).collect()
    };
    check(&without(&[4]), "ended agent_hangup nobody sip 2..40 37s");
    check(&without(&[4, 5]), "ended caller_hangup nobody sip 2..40 37s");
    check(&without(&[4, 5, 7]), "ended caller_hangup nobody sip 2..40 38s");
    check(&without(&[4, 5, 6]), "ended caller_hangup nobody sip 2..40 37s");
    check(&without(&[2, 3, 4, 5]), "ended caller_hangup nobody sip 40..40 37s");
    check(&without(&[2, 3, 4, 5, 6]), "ended caller_cancelled nobody sip -..40 -");
    check(&without(&[0, 1, 2, 3, 4, 5, 6]), "ended caller_cancelled nobody - -..40 -");
    let mut swept_up = without(&[4, 5, 6, 7]);
    swept_up.push(swept(600, EndReason::Lost));
    check(&swept_up, "ended lost us sip 2..600 598s");
    swept_up.push(agent_ended(39, 1, EndReason::CallerHangup));
    check(&swept_up, "ended caller_hangup nobody sip 2..39 37s");
}

#[test]
fn a_call_refused_at_the_door_says_why() {
    let away = |road, reason| [turned_away(road, reason), parent(5, 1, Completed)];
    check(&away(Road::Busy, EndReason::CapacityFull), "ended capacity_full us busy -..5 -");
    check(&away(Road::Voicemail, EndReason::AgentAbsent), "ended agent_absent us voicemail -..5 -");
    check(&away(Road::Busy, EndReason::UnknownNumber), "ended unknown_number operator busy -..5 -");
    check(&[inbound(Road::Voicemail), parent(9, 1, Completed)], "ended voicemail nobody voicemail -..9 -");
}

#[test]
fn a_failed_connection_is_told_by_its_response() {
    let failed = |status, code| [inbound(Road::Sip), connect_ended(9, status, None, code, Next::HangUp)];
    check(&failed(NoAnswer, None), "ended caller_cancelled nobody sip -..9 -");
    check(&failed(CarrierStatus::parse(""), None), "ended caller_cancelled nobody sip -..9 -");
    let rang_out = connect_ended(20, NoAnswer, Some(false), None, Next::Voicemail);
    let facts = [inbound(Road::Sip), rang_out, message(50, Some("RE1"), false)];
    check(&facts, "ended agent_absent us voicemail -..50 -");
    check(&failed(Busy, Some(486)), "ended agent_absent us sip -..9 -");
    check(&failed(Failed, Some(401)), "ended sip_auth operator sip -..9 -");
    check(&failed(Failed, Some(404)), "ended sip_routing operator sip -..9 -");
    check(&failed(Failed, Some(503)), "ended livekit_unavailable live_kit sip -..9 -");
    check(&failed(Failed, None), "ended livekit_unavailable live_kit sip -..9 -");
    check(&failed(Canceled, Some(487)), "ended caller_cancelled nobody sip -..9 -");
}

#[test]
fn voicemail_goes_on_after_the_agent_is_gone() {
    let mut facts = vec![
        inbound(Road::Sip),
        agent(2, 1, Report::CallerActive),
        agent_ended(8, 1, EndReason::AgentCrashed),
        connect_ended(9, Completed, Some(true), None, Next::Voicemail),
    ];
    check(&facts, "active - - voicemail 2..- -");
    facts.push(message(30, None, true));
    check(&facts, "active - - voicemail 2..- -");
    facts.push(message(60, Some("RE1"), false));
    check(&facts, "ended agent_crashed us voicemail 2..60 58s");
    assert_eq!(record(&facts).recording.as_deref(), Some("RE1"));
}

#[test]
fn a_caller_gone_at_the_answer_hung_up_whatever_the_agent_had_seen() {
    let gone = |secs| agent_ended(secs, 1, EndReason::CallerCancelled);
    let answered = [inbound(Road::Sip), parent(2, 1, InProgress), gone(2), parent(3, 2, Completed)];
    check(&answered, "ended caller_hangup nobody sip 2..3 37s");
    let rung = [inbound(Road::Sip), gone(2), parent(3, 1, NoAnswer)];
    check(&rung, "ended caller_cancelled nobody sip -..3 -");
}

#[test]
fn an_agent_that_left_no_account_counts_as_crashed() {
    let facts = [
        inbound(Road::Sip),
        agent(2, 1, Report::CallerActive),
        presence(10, "EV_1", Party::Agent, Presence::ConnectionLost),
        presence(20, "EV_2", Party::Caller, Presence::Left),
        parent(21, 2, Completed),
    ];
    check(&facts, "ended agent_crashed us sip 2..21 37s");
    let mut helped = facts.to_vec();
    helped.push(agent_ended(20, 2, EndReason::CallerHangup));
    check(&helped, "ended caller_hangup nobody sip 2..21 37s");
}

#[test]
fn the_last_agent_has_the_say_and_a_superseded_one_none() {
    let facts = [
        inbound(Road::Sip),
        agent(1, 2, Report::Superseded),
        agent_ended(5, 1, EndReason::LlmFailed),
        agent_ended(50, 3, EndReason::Transferred),
        parent(51, 3, Completed),
    ];
    check(&facts, "ended transferred nobody sip -..51 -");
}

#[test]
fn a_call_by_trunk_ends_with_the_room() {
    let left = presence(30, "EV_1", Party::Caller, Presence::Left);
    let active = agent(2, 1, Report::CallerActive);
    check(&[by_trunk(), active.clone(), left], "ended caller_hangup nobody sip 2..30 28s");
    let ended = agent_ended(31, 1, EndReason::Inactivity);
    check(&[by_trunk(), active.clone(), ended], "ended inactivity caller sip 2..31 29s");
    let finished = Fact::room(t(40), "EV_9", RoomEvent::Finished);
    check(&[by_trunk(), active, finished], "ended lost us sip 2..40 38s");
}

#[test]
fn a_call_we_placed_fails_in_the_carriers_words() {
    let failed = |status, code| [outbound(), leg(9, Leg::Parent, Some(2), status, code)];
    check(&failed(Busy, None), "ended dial_busy nobody sip -..9 -");
    check(&failed(NoAnswer, None), "ended dial_no_answer nobody sip -..9 -");
    check(&failed(Canceled, None), "ended operator_stopped operator sip -..9 -");
    check(&failed(Failed, Some(404)), "ended invalid_destination caller sip -..9 -");
    check(&failed(Failed, Some(403)), "ended permission_denied operator sip -..9 -");
    check(&failed(Failed, Some(603)), "ended declined nobody sip -..9 -");
    check(&failed(Failed, Some(503)), "ended carrier_unavailable carrier sip -..9 -");
    check(&failed(Failed, None), "ended dial_failed carrier sip -..9 -");
}

#[test]
fn the_old_system_takes_a_call() {
    let facts = [inbound(Road::Legacy), connect_ended(60, Completed, Some(true), None, Next::HangUp)];
    check(&facts, "ended handed_over nobody legacy 60..60 0s");
}

#[test]
fn an_operator_overrules_everybody() {
    let mut facts = good_call();
    facts.push(Fact::operator(t(38), "r1", OperatorAct::Stopped));
    check(&facts, "ended operator_stopped operator sip 2..40 37s");
}

#[test]
fn of_two_different_ends_the_higher_sequence_number_counts() {
    let facts = [inbound(Road::Sip), parent(9, 4, Failed), parent(5, 3, Completed)];
    assert!(record(&facts).contradicted);
    check(&facts, "ended dial_failed carrier sip -..9 -");
    assert!(!record(&facts[..2]).contradicted);
}

#[test]
fn one_event_delivered_twice_with_different_bodies_has_one_effect() {
    let mut late = parent(99, 2, Completed);
    let mut facts = good_call();
    facts.push(late.clone());
    late.at = t(98);
    facts.insert(0, late);
    check(&facts, "ended agent_hangup nobody sip 2..40 37s");
    let (leg, sequence) = (Leg::Parent, Some(2));
    let other = LegStatus { leg, status: Completed, sequence, duration_s: Some(9999), sip_code: None };
    facts.insert(0, Fact::status(t(41), Provider::Twilio, other));
    check(&facts, "ended agent_hangup nobody sip 2..40 37s");
}

#[test]
fn a_childs_end_does_not_end_the_call() {
    let child = Leg::Child("CA2".parse().unwrap());
    let facts = [
        inbound(Road::Sip),
        leg(3, child.clone(), Some(2), InProgress, None),
        leg(30, child, Some(3), Completed, None),
        parent(4, 9, CarrierStatus::Other("paused".to_owned())),
    ];
    check(&facts, "active - - sip 3..- -");
}

#[test]
fn nothing_known_is_no_record() {
    assert_eq!(CallRecord::of(&id(), &Facts::new()), None);
}

#[test]
fn the_agents_figures_are_in_the_record() {
    let summary = |secs, n, json: &str| agent(secs, n, Report::Summary { json: json.to_owned() });
    let facts = [inbound(Road::Sip), summary(5, 1, r#"{"turns": 3}"#), summary(9, 2, r#"{"turns": 4}"#)];
    assert_eq!(record(&facts).summary, Some(serde_json::json!({"turns": 4})));
    assert_eq!(record(&[summary(5, 1, "no JSON")]).summary, None);
}

#[test]
fn facts_and_records_survive_json() {
    let facts: Facts = good_call().into_iter().collect();
    let again: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
    assert_eq!(again, facts);
    let record = record(&good_call());
    let again: CallRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!((again.state, again), (CallState::Ended, record));
}
