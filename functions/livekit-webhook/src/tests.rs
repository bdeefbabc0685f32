//! Every sample event and what it does to the record; the recording; calls that came by a SIP trunk.

use domain::{CallId, WallTime};
use lambda::{Function as _, HttpEvent, Request};
use samples::{World, values};
use serde_json::{Value, json};

use crate::handler::LivekitWebhook;

const DIR: &str = env!("CARGO_MANIFEST_DIR");
const TRUNK_CALL: &str = "room:sip_+15550100199_Xy12";

#[tokio::test]
async fn every_event_does_to_the_record_what_it_did() {
    let calls = [values::CALL, TRUNK_CALL, "room:lobby"];
    samples::check::<LivekitWebhook>("livekit-webhook", DIR, &calls, async |world| world.open_call().await)
        .await;
}

fn event(name: &str) -> Value {
    samples::all()
        .into_iter()
        .find(|case| case.function == "livekit-webhook" && case.name == name)
        .unwrap()
        .event
}

/// Sends the recorded webhooks, each at the time it was received.
async fn replay(world: &World, function: &LivekitWebhook) {
    for line in include_str!("../../../events/livekit-webhook/recorded.jsonl").lines() {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let event = json!({
            "rawPath": "/livekit-webhook",
            "headers": {"authorization": recorded["authorization"], "content-type": recorded["content_type"]},
            "requestContext": {"http": {"method": "POST"}},
            "body": recorded["body"],
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let now = WallTime::from_millis((recorded["received_at"].as_f64().unwrap() * 1000.0) as u64);
        let reply = function.handle(Request::from_event(event).unwrap(), now).await;
        assert_eq!(reply.status, 204, "{}", reply.body);
    }
    assert!(world.store.active_calls().await.is_ok());
}

#[tokio::test]
async fn the_recorded_webhooks_merge_however_often_they_come() {
    let world = World::start().await;
    let function = world.function::<LivekitWebhook>();
    replay(&world, &function).await;
    let calls = ["CA125", "CAsipfirst", "CAcancel", "CAagentgone"].map(|id| CallId::new(id).unwrap());
    let mut known = Vec::new();
    for call in &calls {
        known.push(world.shown(call).await);
    }
    replay(&world, &function).await;
    for (call, before) in calls.iter().zip(known) {
        let after = world.shown(call).await;
        assert_eq!(after, before);
        assert!(!after.contains("turnPassword") && !after.contains("Digest"), "{after}");
    }
}

#[tokio::test]
async fn a_call_by_trunk_is_opened_takes_a_place_and_gives_it_back() {
    let world = World::start().await;
    let function = world.function::<LivekitWebhook>();
    for _ in 0..2 {
        assert_eq!(world.send(&function, &event("trunk-caller-joined")).await.status, 204);
        assert_eq!(world.store.active_calls().await, Ok(1));
    }
    let call = CallId::new(TRUNK_CALL).unwrap();
    assert!(world.shown(&call).await.contains("provider: \"sip\""));
    let left = json!({
        "event": "participant_left", "id": "EV_left", "createdAt": values::NOW_S.to_string(),
        "room": {"name": "sip_+15550100199_Xy12"},
        "participant": {"identity": "sip_+15550100199", "kind": "SIP", "disconnectReason": "CLIENT_INITIATED"},
    });
    let left = samples::Sent::livekit(&left).event();
    for _ in 0..2 {
        assert_eq!(world.send(&function, &left).await.status, 204);
    }
    assert_eq!(world.store.active_calls().await, Ok(0));
    assert!(world.shown(&call).await.contains("state: \"ended\""));
    assert_eq!(world.livekit.asked(), ["DeleteRoom"], "the room goes once");
}

/// Sends a call by trunk into a world that cannot take it.
async fn is_turned_away(world: &World) {
    let function = world.function::<LivekitWebhook>();
    world.send(&function, &event("trunk-caller-joined")).await;
    let shown = world.shown(&CallId::new(TRUNK_CALL).unwrap()).await;
    assert!(shown.contains("road: \"busy\"") && shown.contains("place=false"), "{shown}");
    assert_eq!(world.livekit.asked(), ["DeleteRoom"]);
}

#[tokio::test]
async fn a_call_by_trunk_is_turned_away_when_every_place_is_taken() {
    let world = World::start().await;
    world.beats(0).await;
    is_turned_away(&world).await;
}

#[tokio::test]
async fn a_call_by_trunk_to_a_number_without_its_agent_is_turned_away() {
    let world = World::start().await;
    world.loses_its_agent().await;
    is_turned_away(&world).await;
}

#[tokio::test]
async fn without_a_table_livekit_is_asked_to_send_it_again() {
    let world = World::start().await.without_table();
    let reply = world.send(&world.function::<LivekitWebhook>(), &event("caller-joined")).await;
    assert_eq!((reply.status, reply.error_code()), (503, Some("store_failed")));
}

#[test]
fn the_fallback_asks_for_a_repetition() {
    assert_eq!(LivekitWebhook::fallback("/livekit-webhook").status, 503);
}

#[tokio::test]
async fn a_caller_for_whom_nobody_was_sent_gets_an_agent() {
    let world = World::start().await;
    world.open_call().await;
    let function = world.function::<LivekitWebhook>();
    // The sample's LiveKit knows of no dispatch.
    assert_eq!(world.send(&function, &event("caller-joined")).await.status, 204);
    assert_eq!(world.livekit.asked(), ["ListRooms", "CreateDispatch"]);
}

#[tokio::test]
async fn a_livekit_that_does_not_say_loses_no_event() {
    let world = World::with_livekit(samples::Behaviour::Refuses).await;
    world.open_call().await;
    let function = world.function::<LivekitWebhook>();
    assert_eq!(world.send(&function, &event("caller-joined")).await.status, 204);
    assert!(world.shown(&samples::call()).await.contains("state: \"ringing\""));
}
