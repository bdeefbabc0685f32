//! Lost calls, and what their carriers answer when they are asked: over HTTP, as it is.

use domain::{Arrival, CallId, Caller, Direction, Fact, JobId, Provider, Report, Road, Write};
use samples::{CarrierAnswer, CarrierServer, World, values};

use crate::handler::Sweeper;

const COMPLETED: &str = r#"{"sid":"x","status":"completed","duration":"37"}"#;
const GOES_ON: &str = r#"{"sid":"x","status":"in-progress","duration":null}"#;

const TWILIO: (Provider, &str, &str) =
    (Provider::Twilio, values::CALL, "/2010-04-01/Accounts/AC00000000000000000000000000000001/Calls/");
const TELNYX: (Provider, &str, &str) = (Provider::Telnyx, "v3:abc_DEF-1", "/texml/Accounts/f5/Calls/");
const SIGNALWIRE: (Provider, &str, &str) =
    (Provider::SignalWire, "7d1c6a1e-0000-4000-8000-000000000001", "/2010-04-01/Accounts/p1/Calls/");

/// A world whose carriers are all this server.
async fn world(server: &CarrierServer) -> World {
    let mut world = World::start().await;
    for (variable, value) in [
        ("TWILIO_API_BASE_URL", server.url.as_str()),
        ("TELNYX_API_BASE_URL", &server.url),
        ("SIGNALWIRE_API_BASE_URL", &server.url),
        ("TELNYX_ACCOUNT_SID", "f5"),
        ("TELNYX_API_KEY", "KEY1"),
        ("SIGNALWIRE_PROJECT_ID", "p1"),
        ("SIGNALWIRE_API_TOKEN", "PT1"),
        ("CARRIER_DEADLINE_MS", "60000"),
        ("CARRIER_FIRST_WAIT_MS", "1"),
    ] {
        world = world.set(variable, value);
    }
    world
}

/// A call that was answered an hour ago, and whose room is gone.
async fn lose(world: &World, provider: Provider, id: &str) -> CallId {
    let call = CallId::new(id).unwrap();
    let arrival = Arrival {
        provider,
        direction: Direction::Inbound,
        caller: Caller::parse(values::CALLER),
        number: Some(samples::number()),
        agent: Some(samples::job().agent_id),
        road: Road::Sip,
        turned_away: None,
    };
    let active = Fact::agent(samples::ago(3600), JobId::new("AJ_1").unwrap(), Report::CallerActive);
    let arrived = Fact::arrived(samples::ago(3605), arrival);
    let writes = [arrived, active].map(|fact| Write::AddFact { call: call.clone(), fact });
    let place = Write::TakeSlot { call: call.clone(), limit: 10 };
    world.apply(writes.into_iter().chain([place]).collect()).await;
    call
}

/// Sweeps one lost call; the record must then show `expected`.
async fn check(
    (provider, id, path): (Provider, &str, &str),
    answers: Vec<CarrierAnswer>,
    requests: usize,
    expected: &str,
) {
    let server = CarrierServer::start(answers.clone()).await;
    let world = world(&server).await;
    let call = lose(&world, provider, id).await;
    let reply = world.send(&world.function::<Sweeper>(), &serde_json::json!({})).await;
    assert_eq!(reply.status, 200);
    let shown = world.shown(&call).await;
    assert!(shown.contains(expected), "{answers:?}: {expected} is not in {shown}");
    let asked = server.asked();
    assert_eq!(asked.len(), requests, "{answers:?}");
    assert!(asked.iter().all(|request| request.path.starts_with(path)), "{asked:?}");
    let open = if expected.contains("active") { 1 } else { 0 };
    assert_eq!(world.store.active_calls().await, Ok(open));
}

fn says(status: u16, body: &str) -> CarrierAnswer {
    CarrierAnswer::says(status, body)
}

#[tokio::test]
async fn every_carrier_is_asked_and_believed() {
    for carrier in [TWILIO, TELNYX, SIGNALWIRE] {
        check(carrier, vec![says(200, COMPLETED)], 1, "duration_s: 37").await;
        check(carrier, vec![says(200, GOES_ON)], 1, "state: \"active\"").await;
    }
}

#[tokio::test]
async fn a_carrier_that_is_busy_is_asked_again() {
    check(TWILIO, vec![says(429, ""), says(200, COMPLETED)], 2, "duration_s: 37").await;
}

#[tokio::test]
async fn without_the_carriers_word_the_call_is_closed_by_what_livekit_says() {
    for (answer, requests) in [
        (says(404, r#"{"code":20404}"#), 1),
        (says(401, r#"{"code":20003}"#), 1),
        (says(429, "{}"), 3),
        (says(500, "<html>oops"), 1),
        (says(503, ""), 1),
        (says(200, "<html>garbage"), 1),
        (says(200, r#"{"sid":1,"status":[]}"#), 1),
        (CarrierAnswer::Cut(COMPLETED.into(), 9), 1),
    ] {
        check(TWILIO, vec![answer], requests, "end_reason: \"lost\"").await;
    }
}

#[tokio::test]
async fn a_silent_carrier_is_asked_once_in_a_run() {
    let server = CarrierServer::start(vec![CarrierAnswer::Silence]).await;
    let world = world(&server).await.set("CARRIER_DEADLINE_MS", "50");
    for n in 1..=3 {
        lose(&world, Provider::Twilio, &format!("CA{n:032x}")).await;
    }
    let reply = world.send(&world.function::<Sweeper>(), &serde_json::json!({})).await;
    assert!(reply.body.contains("\"closed\":3"), "{}", reply.body);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(world.store.active_calls().await, Ok(0));
}
