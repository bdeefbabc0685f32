//! LiveKit or the table is slow, busy, failing or not there, or the agent is not: the caller is served.

use std::time::Duration;

use carrier::Step;
use lambda::Reply;
use samples::{Behaviour, Trouble, World, values};

use super::{arriving, ask, check};
use crate::handler::IncomingCall;

#[tokio::test]
async fn a_livekit_that_refuses_means_voicemail_again_and_again() {
    let world = World::with_livekit(Behaviour::Refuses).await;
    let first = ask(&world).await;
    check(&first, "<Record ", &["road: \"voicemail\"", "place=false"]);
    assert_eq!(ask(&world).await, first);
    assert_eq!(world.store.active_calls().await, Ok(0));
}

#[tokio::test]
async fn a_livekit_that_is_silent_does_not_hold_the_answer_back() {
    let world = World::with_livekit(Behaviour::Hangs).await.set("LIVEKIT_DEADLINE_MS", "20");
    check(&ask(&world).await, "<Sip ", &["road: \"sip\"", "place=true"]);
}

#[tokio::test]
async fn a_lost_dispatch_is_asked_for_again_and_the_call_announced_meanwhile() {
    let lost = Behaviour::LosesFirst("CreateDispatch");
    let world = World::with_livekit(lost).await.set("LIVEKIT_DEADLINE_MS", "3000");
    world.beats_seated(10).await;
    check(&ask(&world).await, "<Sip ", &["road: \"sip\"", "place=true"]);
    let mut asked = world.livekit.asked();
    asked.sort_unstable();
    assert_eq!(asked, ["CreateDispatch", "CreateDispatch", "SendData"]);
}

#[tokio::test]
async fn an_announcement_without_an_answer_does_not_hold_the_answer_back() {
    // The test's LiveKit would be waited for a minute.
    let world = World::with_livekit(Behaviour::LosesFirst("SendData")).await;
    world.beats_seated(10).await;
    let asked = tokio::time::timeout(std::time::Duration::from_secs(30), ask(&world));
    check(&asked.await.expect("an answer"), "<Sip ", &["road: \"sip\""]);
}

#[tokio::test]
async fn without_a_table_the_caller_leaves_a_message() {
    let world = World::start().await.without_table();
    let reply = world.send(&world.function::<IncomingCall>(), &arriving(values::CALL, values::CALLER)).await;
    assert_eq!(reply.status, 200);
    let ticket = carrier::TicketKey::derive(values::LIVEKIT_SECRET).step(values::CALL, Step::Voicemail(0));
    assert!(reply.body.contains(&format!("/dial-result/{ticket}")), "{}", reply.body);
}

/// Sends the sample call to a function that gives the table up after a while, whatever it is busy with.
async fn answered(world: &World) -> Reply {
    let mut function = world.function::<IncomingCall>();
    function.store = function.store.with_deadline(Duration::from_millis(300));
    let reply = world.send(&function, &arriving(values::CALL, values::CALLER)).await;
    assert_eq!((reply.status, reply.error_code()), (200, None), "{}", reply.body);
    reply
}

#[tokio::test]
async fn a_table_that_takes_no_writes_still_connects_the_caller() {
    for trouble in [Trouble::Throttles, Trouble::Fails] {
        let world = World::start().await.in_trouble(&["TransactWriteItems"], trouble);
        let reply = answered(&world).await;
        // What the sweeper finds the caller by, when nothing is stored.
        for part in
            ["<Sip ", "x-ringdown-call=CA", "x-ringdown-from=%2B15550100199", "x-ringdown-to=%2B15550100100"]
        {
            assert!(reply.body.contains(part), "{trouble:?}: {part} is not in {}", reply.body);
        }
        assert_eq!(world.livekit.asked(), ["CreateDispatch"], "{trouble:?}");
        assert!(world.shown(&samples::call()).await.contains("unknown"), "{trouble:?}: nothing was stored");
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_still_takes_a_message() {
    for trouble in [Trouble::Throttles, Trouble::Fails] {
        for operations in [&["BatchGetItem"][..], &["Query"]] {
            let world = World::start().await.in_trouble(operations, trouble);
            let reply = answered(&world).await;
            assert!(reply.body.contains("<Record "), "{trouble:?} {operations:?}: {}", reply.body);
            assert!(world.livekit.asked().is_empty());
        }
    }
}

#[tokio::test]
async fn without_its_agent_the_number_takes_messages_and_says_why() {
    let world = World::start().await;
    world.loses_its_agent().await;
    let first = ask(&world).await;
    check(&first, "<Record ", &["road: \"voicemail\"", "place=false"]);
    assert!(first.0.contains("We cannot take your call right now"), "{}", first.0);
    assert_eq!(ask(&world).await.0, first.0, "the same answer to the same webhook");
    assert_eq!(world.store.active_calls().await, Ok(0));
    let reasons = world.store.call(&samples::call(), samples::now()).await.unwrap().unwrap().facts;
    let turned_away = reasons.iter().any(|fact| format!("{:?}", fact.event).contains("BadConfiguration"));
    assert!(turned_away, "{reasons:?}");
}
