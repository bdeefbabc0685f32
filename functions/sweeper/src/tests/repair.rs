//! Calls that were connected although nothing could be stored of them.

use domain::{Fact, JobId, Report, Write};
use samples::{PhoneInRoom, World, values};

use crate::handler::Sweeper;

/// The caller's telephone, as LiveKit SIP describes it.
fn phone(room: &str, headers: &[(&str, &str)]) -> PhoneInRoom {
    let header = |(name, value): &(&str, &str)| (format!("sip.h.x-ringdown-{name}"), (*value).to_owned());
    let mut attributes = vec![("sip.callStatus".to_owned(), "active".to_owned())];
    attributes.extend(headers.iter().map(header));
    PhoneInRoom { room: room.to_owned(), opened_s: values::NOW_S - 90, attributes }
}

async fn sweep(world: &World) -> String {
    world.send(&world.function::<Sweeper>(), &serde_json::json!({})).await.body
}

const ROOM: &str = "call-CA00000000000000000000000000000001";
const HEADERS: [(&str, &str); 3] = [("call", values::CALL), ("from", values::CALLER), ("to", values::NUMBER)];

#[track_caller]
fn check_repaired(shown: &str) {
    for part in [
        "place=true",
        "caller: {\"kind\":\"number\",\"value\":\"+15550100199\"}",
        "number: \"+15550100100\"",
        "agent_id: \"reception\"",
        "provider: \"twilio\"",
        "road: \"sip\"",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[tokio::test]
async fn a_call_of_which_nothing_was_stored_is_found_by_its_room() {
    let world = World::start().await;
    world.livekit.calls(phone(ROOM, &HEADERS));
    assert!(sweep(&world).await.contains("\"repaired\":1"));
    check_repaired(&world.shown(&samples::call()).await);
    assert_eq!(world.store.active_calls().await, Ok(1), "the place it takes is counted");
    assert!(sweep(&world).await.contains("\"repaired\":0"), "once");
    assert_eq!(world.store.active_calls().await, Ok(1));
}

#[tokio::test]
async fn a_call_of_which_only_the_agent_told_gets_its_beginning() {
    let world = World::start().await;
    let fact = Fact::agent(samples::ago(60), JobId::new("AJ_1").unwrap(), Report::CallerActive);
    world.apply(vec![Write::AddFact { call: samples::call(), fact }]).await;
    world.livekit.calls(phone(ROOM, &HEADERS));
    assert!(sweep(&world).await.contains("\"repaired\":1"));
    check_repaired(&world.shown(&samples::call()).await);
}

#[tokio::test]
async fn what_tells_nothing_is_left_alone() {
    for headers in [&[][..], &[("to", "+15550100111")], &[("to", "nonsense"), ("from", values::CALLER)]] {
        let world = World::start().await;
        world.livekit.calls(phone(ROOM, headers));
        assert!(sweep(&world).await.contains("\"repaired\":0"), "{headers:?}");
        assert_eq!(world.store.active_calls().await, Ok(0));
    }
}
