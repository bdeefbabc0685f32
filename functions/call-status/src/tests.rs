//! Every sample event and what it does to the record; then repetition and loss.

use lambda::Function as _;
use samples::{Sent, World, values};

use crate::handler::CallStatus;

const DIR: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn every_event_does_to_the_record_what_it_did() {
    let calls = [values::CALL, values::OTHER_CALL, "v3:abc_DEF-1"];
    samples::check::<CallStatus>("call-status", DIR, &calls, async |world| world.open_call().await).await;
}

fn completed() -> serde_json::Value {
    samples::all()
        .into_iter()
        .find(|case| case.function == "call-status" && case.name == "completed")
        .unwrap()
        .event
}

#[tokio::test]
async fn the_end_gives_the_place_back_and_removes_the_room_once() {
    let world = World::start().await;
    world.open_call().await;
    assert_eq!(world.store.active_calls().await, Ok(1));
    let function = world.function::<CallStatus>();
    for _ in 0..3 {
        assert_eq!(world.send(&function, &completed()).await.status, 204);
    }
    assert_eq!(world.store.active_calls().await, Ok(0));
    assert_eq!(world.livekit.asked(), ["DeleteRoom"]);
}

#[tokio::test]
async fn a_storm_of_one_event_is_one_event() {
    let world = World::start().await;
    world.open_call().await;
    let function = world.function::<CallStatus>();
    let before = world.shown(&samples::call()).await;
    let event = completed();
    world.send(&function, &event).await;
    let after = world.shown(&samples::call()).await;
    for _ in 0..100 {
        world.send(&function, &event).await;
    }
    assert_ne!(before, after);
    assert_eq!(world.shown(&samples::call()).await, after);
}

#[tokio::test]
async fn one_sequence_number_with_another_body_does_not_undo_the_end() {
    let world = World::start().await;
    world.open_call().await;
    let function = world.function::<CallStatus>();
    world.send(&function, &completed()).await;
    let pairs = [
        ("AccountSid", values::TWILIO_ACCOUNT),
        ("CallSid", values::CALL),
        ("CallStatus", "in-progress"),
        ("SequenceNumber", "3"),
    ];
    world.send(&function, &Sent::twilio("/call-status", &pairs).event()).await;
    assert!(world.shown(&samples::call()).await.contains("state: \"ended\""));
}

#[tokio::test]
async fn machine_detection_changes_nothing_not_even_after_the_end() {
    let world = World::start().await;
    world.open_call().await;
    let function = world.function::<CallStatus>();
    world.send(&function, &completed()).await;
    let ended = world.shown(&samples::call()).await;
    let cases = samples::all().into_iter().filter(|case| case.function == "call-status");
    for case in cases.filter(|case| case.name.starts_with("machine-")) {
        assert_eq!(world.send(&function, &case.event).await.status, 204, "{}", case.name);
        assert_eq!(world.shown(&samples::call()).await, ended, "{}", case.name);
    }
}

#[tokio::test]
async fn without_a_table_the_carrier_is_asked_to_send_it_again() {
    let world = World::start().await.without_table();
    let reply = world.send(&world.function::<CallStatus>(), &completed()).await;
    assert_eq!((reply.status, reply.error_code()), (503, Some("store_failed")));
}

#[test]
fn the_fallback_asks_for_a_repetition() {
    assert_eq!(CallStatus::fallback("/call-status").status, 503);
}
