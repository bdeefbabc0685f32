//! Calls, facts and configurations to test with.

use domain::{
    AgentConfig, Arrival, CallId, Caller, CarrierStatus, Config, ConnectEnd, Direction, E164, EndReason,
    Fact, Heartbeat, Leg, LegStatus, Next, NumberConfig, ParticipantEvent, Party, Presence, Provider, Report,
    Road, Voice, WallTime, Write,
};
use store::{Applied, Refusal, Store, StoreError};

/// 2026-11-21 12:00:00 UTC, the beginning of a minute.
pub(crate) const NOON: WallTime = WallTime::from_secs(1_795_262_400);

/// `secs` after noon.
pub(crate) fn at(secs: u64) -> WallTime {
    NOON.plus_secs(secs)
}

pub(crate) fn call(n: usize) -> CallId {
    CallId::new(format!("CA{n:032x}")).unwrap()
}

pub(crate) fn number() -> E164 {
    E164::new("+15550100100").unwrap()
}

pub(crate) fn caller() -> Caller {
    Caller::parse("+15550100123")
}

pub(crate) fn arrived(at: WallTime) -> Fact {
    Fact::arrived(
        at,
        Arrival {
            provider: Provider::Twilio,
            direction: Direction::Inbound,
            caller: caller(),
            number: Some(number()),
            agent: Some("reception".parse().unwrap()),
            road: Road::Sip,
            turned_away: None,
        },
    )
}

pub(crate) fn status(at: WallTime, sequence: u64, status: CarrierStatus) -> Fact {
    let (leg, sequence) = (Leg::Parent, Some(sequence));
    let duration_s = status.is_terminal().then_some(61);
    Fact::status(at, Provider::Twilio, LegStatus { leg, status, sequence, duration_s, sip_code: None })
}

/// Ends a call.
pub(crate) fn completed(at: WallTime) -> Fact {
    status(at, 3, CarrierStatus::Completed)
}

/// All the facts of a call that went well, one from each source.
pub(crate) fn life_of_a_call() -> Vec<Fact> {
    let job: domain::JobId = "AJ_1".parse().unwrap();
    let left = ParticipantEvent { party: Party::Caller, change: Presence::Left };
    let end = ConnectEnd {
        status: CarrierStatus::Completed,
        bridged: Some(true),
        duration_s: Some(59),
        sip_code: None,
        next: Next::HangUp,
    };
    vec![
        arrived(at(0)),
        status(at(1), 0, CarrierStatus::Ringing),
        Fact::agent(at(2), job.clone(), Report::CallerActive),
        status(at(2), 1, CarrierStatus::InProgress),
        Fact::agent(at(61), job, Report::Ended { reason: EndReason::AgentHangup }),
        Fact::participant(at(62), "EV_1", left),
        Fact::connect_ended(at(63), Provider::Twilio, None, end),
        completed(at(63)),
    ]
}

/// What opens a call.
pub(crate) fn opening(call: &CallId, at: WallTime) -> Vec<Write> {
    vec![
        Write::OpenCall { call: call.clone(), plan: "sip".to_owned() },
        Write::AddFact { call: call.clone(), fact: arrived(at) },
    ]
}

pub(crate) fn add(call: &CallId, fact: Fact) -> Vec<Write> {
    vec![Write::AddFact { call: call.clone(), fact }]
}

pub(crate) fn take(call: &CallId, limit: u32) -> Write {
    Write::TakeSlot { call: call.clone(), limit }
}

/// Applies, and expects it to be stored.
pub(crate) async fn done(store: &Store, writes: Vec<Write>, now: WallTime) -> Applied {
    match patiently(store, writes, now).await {
        applied @ Applied::Done(_) => applied,
        Applied::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

/// Applies, and expects a refusal.
pub(crate) async fn refused(store: &Store, writes: Vec<Write>, now: WallTime) -> Refusal {
    match patiently(store, writes, now).await {
        Applied::Done(changes) => panic!("stored: {changes:?}"),
        Applied::Refused(refusal) => refusal,
    }
}

/// Applies, as often as contention makes it necessary: what senders of webhooks do.
pub(crate) async fn patiently(store: &Store, writes: Vec<Write>, now: WallTime) -> Applied {
    for _ in 0..50 {
        match store.apply(writes.clone(), now).await {
            Err(StoreError::Contended | StoreError::Timeout) => {}
            other => return other.unwrap(),
        }
    }
    panic!("contended for ever")
}

pub(crate) fn heartbeat(worker: &str, capacity: u32, at: WallTime) -> Heartbeat {
    Heartbeat {
        worker: worker.parse().unwrap(),
        version: "0.1.0".to_owned(),
        capacity,
        active: 0,
        seat: None,
        at,
    }
}

pub(crate) fn sample<C: Config>(name: &str) -> C {
    let path = format!("{}/../../local/seed/{name}.json", env!("CARGO_MANIFEST_DIR"));
    C::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn voice() -> Voice {
    sample("voice-amy")
}

pub(crate) fn agent() -> AgentConfig {
    sample("agent-reception")
}

pub(crate) fn number_config() -> NumberConfig {
    sample("number-15550100100")
}

/// Stores the sample number with its agent and voice.
pub(crate) async fn seed(store: &Store) {
    store.put_voice(voice()).await.unwrap();
    store.put_agent(agent()).await.unwrap();
    store.put_number(number_config()).await.unwrap();
}
