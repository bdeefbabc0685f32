//! Every sample event gets its answer; then what events alone do not show.

mod trouble;

use std::collections::BTreeSet;

use domain::{Provider, Road, RoadShare, Write};
use lambda::Function as _;
use samples::{Sent, World, values};
use serde_json::Value;

use crate::handler::IncomingCall;

const DIR: &str = env!("CARGO_MANIFEST_DIR");
const TELNYX_CALL: &str = "v3:abc_DEF-1";
const SIGNALWIRE_CALL: &str = "7d1c6a1e-0000-4000-8000-000000000001";

#[tokio::test]
async fn every_event_gets_its_answer() {
    let calls = [values::CALL, TELNYX_CALL, SIGNALWIRE_CALL];
    samples::check::<IncomingCall>("incoming-call", DIR, &calls, async |_| {}).await;
}

fn arriving(call: &str, from: &str) -> Value {
    let pairs = [
        ("AccountSid", values::TWILIO_ACCOUNT),
        ("CallSid", call),
        ("CallStatus", "ringing"),
        ("From", from),
        ("To", values::NUMBER),
    ];
    Sent::twilio("/incoming-call", &pairs).event()
}

fn call_number(n: usize) -> String {
    format!("CA{n:032x}")
}

/// Sends one call; the verbs of the answer and what is known of it then.
async fn ask(world: &World) -> (String, String) {
    let reply = world.send(&world.function::<IncomingCall>(), &arriving(values::CALL, values::CALLER)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    (reply.body, world.shown(&samples::call()).await)
}

#[track_caller]
fn check(answer: &(String, String), verb: &str, record: &[&str]) {
    assert!(answer.0.contains(verb), "{verb} is not in {}", answer.0);
    for part in record {
        assert!(answer.1.contains(part), "{part} is not in {}", answer.1);
    }
}

#[tokio::test]
async fn the_same_webhook_gets_the_same_bytes_and_one_record() {
    let world = World::start().await;
    let first = ask(&world).await;
    let again = ask(&world).await;
    assert_eq!(first, again);
    assert_eq!(world.livekit.asked(), ["CreateDispatch"], "one agent is sent for");
    assert_eq!(world.store.active_calls().await, Ok(1));
}

#[tokio::test]
async fn the_table_is_asked_twice_one_after_the_other_and_once_for_a_repetition() {
    let (world, round_trips) = World::start().await.counting();
    let function = world.function::<IncomingCall>();
    let event = arriving(values::CALL, values::CALLER);
    for expected in [2, 1] {
        assert_eq!(world.send(&function, &event).await.status, 200);
        assert_eq!(round_trips.take(), expected);
    }
}

#[tokio::test]
async fn two_deliveries_at_once_are_one_call() {
    let world = World::start().await;
    let function = world.function::<IncomingCall>();
    let event = arriving(values::CALL, values::CALLER);
    let (one, other) = tokio::join!(world.send(&function, &event), world.send(&function, &event));
    assert_eq!(one, other);
    assert_eq!(world.store.active_calls().await, Ok(1));
}

#[tokio::test]
async fn a_callback_that_came_first_does_not_change_the_answer() {
    let world = World::start().await;
    let (fresh, _) = ask(&world).await;
    let other = World::start().await;
    let leg = domain::LegStatus {
        leg: domain::Leg::Parent,
        status: domain::CarrierStatus::Ringing,
        sequence: Some(0),
        duration_s: None,
        sip_code: None,
    };
    let fact = domain::Fact::status(samples::now(), Provider::Twilio, leg);
    other.apply(vec![Write::AddFact { call: samples::call(), fact }]).await;
    assert_eq!(ask(&other).await.0, fresh);
}

#[tokio::test]
async fn a_configured_road_is_taken() {
    for (road, verb) in [
        (Road::Sip, "<Sip username=\"sample-sip-user\""),
        (Road::MediaStreams, "<Stream url=\"wss://media.ringdown.test/media-stream\">"),
        (Road::Legacy, ">sip:old@pbx.ringdown.test</Sip>"),
        (Road::Voicemail, "<Record "),
        (Road::Busy, "All our lines are busy"),
    ] {
        let world = World::start().await;
        world
            .number(|number| {
                number.roads = vec![RoadShare { road, percent: 100 }];
                number.legacy_sip_uri = Some("sip:old@pbx.ringdown.test".to_owned());
            })
            .await;
        check(
            &ask(&world).await,
            verb,
            &[&format!("road: \"{road}\""), &format!("place={}", road.needs_agent())],
        );
    }
}

#[tokio::test]
async fn switching_livekit_off_takes_the_legacy_road() {
    let world = World::start().await;
    world
        .number(|number| {
            number.use_livekit = false;
            number.legacy_sip_uri = Some("sip:old@pbx.ringdown.test".to_owned());
        })
        .await;
    check(&ask(&world).await, "sip:old@pbx.ringdown.test", &["road: \"legacy\""]);
    assert!(world.livekit.asked().is_empty());
}

#[tokio::test]
async fn roads_are_shared_out_by_percentage() {
    let world = World::start().await;
    world.beats(1000).await;
    world
        .number(|number| {
            number.limits.per_caller_per_minute = 1000;
            number.roads = vec![
                RoadShare { road: Road::MediaStreams, percent: 30 },
                RoadShare { road: Road::Voicemail, percent: 70 },
            ];
        })
        .await;
    let world = world.set("MAX_CALLS", "1000");
    let function = world.function::<IncomingCall>();
    let mut streams = 0;
    for n in 0..60 {
        let reply = world.send(&function, &arriving(&call_number(n), values::CALLER)).await;
        streams += usize::from(reply.body.contains("<Stream"));
    }
    assert!((8..=30).contains(&streams), "{streams} of 60 are not about 30 percent");
}

#[tokio::test]
async fn media_streams_are_not_offered_where_there_are_none() {
    let world = World::start().await.set("MEDIA_STREAM_URL", "");
    world.number(|number| number.roads = vec![RoadShare { road: Road::MediaStreams, percent: 100 }]).await;
    check(&ask(&world).await, "<Sip ", &["road: \"sip\""]);
}

#[tokio::test]
async fn a_media_stream_ticket_opens_its_call_for_a_while() {
    let world = World::start().await;
    world.number(|number| number.roads = vec![RoadShare { road: Road::MediaStreams, percent: 100 }]).await;
    let (body, _) = ask(&world).await;
    let ticket =
        body.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let key = carrier::TicketKey::derive(values::LIVEKIT_SECRET);
    assert_eq!(key.check_media_stream(values::CALL, ticket, values::NOW_S), Ok(()));
    assert!(key.check_media_stream(values::CALL, ticket, values::NOW_S + 120).is_err());
}

#[tokio::test]
async fn without_a_living_agent_the_caller_leaves_a_message() {
    let world = World::start().await;
    world.dies().await;
    check(&ask(&world).await, "<Record ", &["road: \"voicemail\"", "place=false"]);
}

#[tokio::test]
async fn the_last_place_is_given_once() {
    let world = World::start().await;
    world.beats(1).await;
    let function = world.function::<IncomingCall>();
    let first = world.send(&function, &arriving(&call_number(1), values::CALLER)).await;
    let second = world.send(&function, &arriving(&call_number(2), values::CALLER)).await;
    assert!(first.body.contains("<Sip ") && second.body.contains("All our lines are busy"));
    assert_eq!(world.store.active_calls().await, Ok(1));
}

#[tokio::test]
async fn many_at_once_never_take_more_than_there_is() {
    let world = World::start().await;
    world.beats(3).await;
    world.number(|number| number.limits.per_caller_per_minute = 1000).await;
    let function = world.function::<IncomingCall>();
    let events: Vec<Value> = (0..12).map(|n| arriving(&call_number(n), values::CALLER)).collect();
    let asked = events.iter().map(|event| world.send(&function, event));
    let replies = join_all(asked).await;
    let answered = replies.iter().filter(|reply| reply.body.contains("<Sip ")).count();
    assert_eq!(answered, 3);
    assert_eq!(world.store.active_calls().await, Ok(3));
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in pending.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_caller_who_calls_too_often_hears_a_busy_tone() {
    let world = World::start().await;
    world.number(|number| number.limits.per_caller_per_minute = 2).await;
    let function = world.function::<IncomingCall>();
    let mut verbs = Vec::new();
    for n in 0..3 {
        verbs.push(world.send(&function, &arriving(&call_number(n), values::CALLER)).await.body);
    }
    let other = world.send(&function, &arriving(&call_number(9), "+15550100198")).await.body;
    assert!(verbs[1].contains("<Sip ") && verbs[2].contains("<Reject reason=\"busy\"/>"));
    assert!(other.contains("<Sip "), "another caller is not held back");
}

#[tokio::test]
async fn withheld_callers_are_counted_together() {
    let world = World::start().await;
    world.number(|number| number.limits.per_caller_per_minute = 1).await;
    let function = world.function::<IncomingCall>();
    let first = world.send(&function, &arriving(&call_number(1), "anonymous")).await.body;
    let second = world.send(&function, &arriving(&call_number(2), "+266696687")).await.body;
    assert!(first.contains("<Sip ") && second.contains("<Reject "));
}

#[tokio::test]
async fn a_repeated_webhook_announces_nothing() {
    let world = World::start().await;
    ask(&world).await;
    world.beats_seated(10).await;
    ask(&world).await;
    assert_eq!(world.livekit.asked(), ["CreateDispatch"]);
}

#[tokio::test]
async fn everything_answered_can_be_read_back_as_xml() {
    let world = World::start().await;
    let function = world.function::<IncomingCall>();
    let mut seen = BTreeSet::new();
    for case in samples::all().into_iter().filter(|case| case.function == "incoming-call") {
        let reply = world.send(&function, &case.event).await;
        if reply.status == 200 {
            assert_eq!(reply.header("content-type"), Some("text/xml; charset=utf-8"));
            assert!(reply.body.starts_with("<?xml") && reply.body.ends_with("</Response>"), "{}", case.name);
            assert!(reply.body.len() < 64 * 1024);
            seen.insert(reply.body);
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[test]
fn the_fallback_says_something_human() {
    let reply = IncomingCall::fallback("/incoming-call");
    assert!(reply.status == 200 && reply.body.contains("<Say>"));
}
