//! Every sample event gets its answer; then repetition, capacity and a LiveKit that refuses.

use lambda::Function as _;
use samples::{Behaviour, World, values};

use crate::handler::Rooms;

const DIR: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn every_event_gets_its_answer() {
    let calls = [values::CALL, "room:demo-1"];
    samples::check::<Rooms>("rooms", DIR, &calls, async |world| world.open_call().await).await;
}

fn event(name: &str) -> serde_json::Value {
    samples::all().into_iter().find(|case| case.function == "rooms" && case.name == name).unwrap().event
}

#[tokio::test]
async fn a_room_opened_twice_takes_one_place() {
    let world = World::start().await;
    let function = world.function::<Rooms>();
    for _ in 0..2 {
        assert_eq!(world.send(&function, &event("open")).await.status, 200);
    }
    assert_eq!(world.store.active_calls().await, Ok(1));
}

#[tokio::test]
async fn no_room_is_opened_when_every_place_is_taken() {
    let world = World::start().await;
    world.beats(0).await;
    let reply = world.send(&world.function::<Rooms>(), &event("open")).await;
    assert_eq!((reply.status, reply.error_code()), (409, Some("capacity_full")));
}

#[tokio::test]
async fn no_room_is_opened_for_an_agent_that_does_not_exist() {
    let world = World::start().await;
    world.loses_its_agent().await;
    let reply = world.send(&world.function::<Rooms>(), &event("open")).await;
    assert_eq!((reply.status, reply.error_code()), (409, Some("unknown_agent")));
    assert_eq!(world.store.active_calls().await, Ok(0));
    assert!(world.livekit.asked().is_empty());
}

#[tokio::test]
async fn a_livekit_that_refuses_is_a_502() {
    let world = World::with_livekit(Behaviour::Refuses).await;
    let reply = world.send(&world.function::<Rooms>(), &event("list")).await;
    assert_eq!((reply.status, reply.error_code()), (502, Some("livekit_failed")));
}

#[test]
fn the_fallback_says_to_look_again() {
    assert_eq!(Rooms::fallback("/rooms").status, 504);
}
