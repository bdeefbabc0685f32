//! What is done about calls whose events were lost.

mod carriers_word;
mod repair;

use domain::{Arrival, CallRecord, Direction, EndReason, Fact, Facts, JobId, Provider, Report, Road, Write};
use lambda::Function as _;
use samples::{World, values};

use crate::decide::{Action, Room, decide, told_by_carrier};
use crate::handler::Sweeper;

const DIR: &str = env!("CARGO_MANIFEST_DIR");
const NOBODY: Room = Room::Here { caller: false, agent: false };
const ALONE: Room = Room::Here { caller: true, agent: false };
const TALKING: Room = Room::Here { caller: true, agent: true };

#[tokio::test]
async fn the_scheduled_event_closes_what_is_lost() {
    samples::check::<Sweeper>("sweeper", DIR, &[values::CALL], async |world| lost_call(world).await).await;
}

/// A call that was answered an hour ago, and whose room is gone.
async fn lost_call(world: &World) {
    world.open_call().await;
    let fact = Fact::agent(samples::ago(3600), JobId::new("AJ_1").unwrap(), Report::CallerActive);
    world.apply(vec![Write::AddFact { call: samples::call(), fact }]).await;
}

#[tokio::test]
async fn a_call_is_closed_once_and_gives_its_place_back() {
    let world = World::start().await;
    lost_call(&world).await;
    let function = world.function::<Sweeper>();
    let event = serde_json::json!({});
    let first = world.send(&function, &event).await;
    assert!(first.body.contains("\"closed\":1"), "{}", first.body);
    assert_eq!(world.store.active_calls().await, Ok(0));
    let second = world.send(&function, &event).await;
    assert!(second.body.contains("\"closed\":0"), "{}", second.body);
}

fn record(road: Option<Road>, age_s: u64, active: bool) -> CallRecord {
    let mut facts = Facts::new();
    if let Some(road) = road {
        facts.insert(Fact::arrived(samples::ago(age_s), arrival(road)));
    }
    if active || road.is_none() {
        let report = if active { Report::CallerActive } else { Report::Joined };
        facts.insert(Fact::agent(samples::ago(age_s), JobId::new("AJ_1").unwrap(), report));
    }
    CallRecord::of(&samples::call(), &facts).unwrap()
}

fn arrival(road: Road) -> Arrival {
    Arrival {
        provider: Provider::Twilio,
        direction: Direction::Inbound,
        caller: domain::Caller::parse(values::CALLER),
        number: Some(samples::number()),
        agent: Some(samples::job().agent_id),
        road,
        turned_away: None,
    }
}

#[track_caller]
fn check(record: &CallRecord, has_slot: bool, room: &Room, expected: &Action) {
    assert_eq!(decide(record, has_slot, room, samples::now()), *expected);
}

#[test]
fn a_caller_who_waits_alone_gets_an_agent() {
    check(&record(Some(Road::Sip), 40, false), true, &ALONE, &Action::Redispatch(samples::job()));
    check(&record(Some(Road::Sip), 400, true), true, &ALONE, &Action::Redispatch(samples::job()));
    check(&record(Some(Road::Sip), 20, false), true, &ALONE, &Action::Leave);
    check(&record(Some(Road::Sip), 400, true), true, &TALKING, &Action::Leave);
}

#[test]
fn a_call_without_its_caller_is_over() {
    check(&record(Some(Road::Sip), 400, true), true, &Room::Absent, &Action::Close(EndReason::Lost));
    check(&record(Some(Road::Sip), 400, true), true, &NOBODY, &Action::Close(EndReason::Lost));
    check(
        &record(Some(Road::Sip), 400, false),
        true,
        &Room::Absent,
        &Action::Close(EndReason::CallerNeverJoined),
    );
    check(&record(Some(Road::Sip), 60, false), true, &Room::Absent, &Action::Leave);
}

#[test]
fn nothing_is_guessed_while_livekit_is_silent_but_no_call_lasts_for_ever() {
    check(&record(Some(Road::Sip), 4000, true), true, &Room::Unknown, &Action::Leave);
    check(&record(Some(Road::Sip), 20_000, true), true, &Room::Unknown, &Action::Close(EndReason::Lost));
}

#[test]
fn a_message_needs_no_agent_and_ends_some_time() {
    check(&record(Some(Road::Voicemail), 60, false), true, &Room::Absent, &Action::FreePlace);
    check(&record(Some(Road::Voicemail), 60, false), false, &Room::Absent, &Action::Leave);
    check(
        &record(Some(Road::Voicemail), 2000, false),
        false,
        &Room::Absent,
        &Action::Close(EndReason::Voicemail),
    );
}

#[test]
fn other_roads_end_when_nobody_answered() {
    for road in [Road::MediaStreams, Road::Legacy] {
        check(&record(Some(road), 400, false), false, &Room::Absent, &Action::Close(EndReason::NeverStarted));
        check(&record(Some(road), 400, true), false, &Room::Absent, &Action::Leave);
    }
    check(&record(Some(Road::Busy), 400, false), false, &Room::Absent, &Action::Close(EndReason::Lost));
    check(&record(None, 400, false), false, &Room::Absent, &Action::Close(EndReason::Lost));
    check(&record(None, 400, false), false, &TALKING, &Action::Repair);
    check(&record(None, 40, true), false, &ALONE, &Action::Repair);
}

#[test]
fn the_carriers_word_goes_before_a_guess() {
    let record = record(Some(Road::Sip), 400, true);
    assert!(told_by_carrier(&record, "completed", Some(37), samples::now()).is_some());
    assert!(told_by_carrier(&record, "canceled", None, samples::now()).is_some());
    assert!(told_by_carrier(&record, "in-progress", None, samples::now()).is_none());
    assert!(told_by_carrier(&record, "paused", None, samples::now()).is_none());
}

#[test]
fn the_fallback_is_an_error() {
    assert_eq!(Sweeper::fallback("").status, 504);
}
