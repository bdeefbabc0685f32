//! Every sample event gets its answer; then repetition, tickets and a table that is gone.

use domain::{Fact, JobId, Report, Write};
use lambda::Function as _;
use samples::{World, values};
use serde_json::Value;

use crate::handler::DialResult;

const DIR: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn every_event_gets_its_answer() {
    let calls = [values::CALL];
    samples::check::<DialResult>("dial-result", DIR, &calls, async |world| world.open_call().await).await;
}

fn event(name: &str) -> Value {
    samples::all().into_iter().find(|case| case.function == "dial-result" && case.name == name).unwrap().event
}

#[tokio::test]
async fn a_repeated_result_gets_the_same_answer_and_counts_once() {
    let world = World::start().await;
    world.open_call().await;
    let function = world.function::<DialResult>();
    let first = world.send(&function, &event("no-answer")).await;
    let known = world.shown(&samples::call()).await;
    let again = world.send(&function, &event("no-answer")).await;
    assert_eq!(first, again);
    assert!(first.body.contains("<Record "));
    assert_eq!(world.shown(&samples::call()).await, known);
    assert_eq!(world.store.active_calls().await, Ok(0));
}

#[tokio::test]
async fn a_short_call_that_an_agent_knows_of_was_served() {
    let world = World::start().await;
    world.open_call().await;
    let fact = Fact::agent(samples::now(), JobId::new("AJ_1").unwrap(), Report::Greeted);
    world.apply(vec![Write::AddFact { call: samples::call(), fact }]).await;
    let function = world.function::<DialResult>();
    let reply = world.send(&function, &event("short-and-no-agent")).await;
    assert!(reply.body.contains("<Hangup/>") && !reply.body.contains("<Record"), "{}", reply.body);
    let reply = world.send(&function, &event("missing-status")).await;
    assert!(!reply.body.contains("<Record"), "the agent's word counts where the carrier gives none");
}

#[tokio::test]
async fn silence_is_recorded_twice_at_most() {
    let world = World::start().await;
    world.open_call().await;
    let function = world.function::<DialResult>();
    let first = world.send(&function, &event("message-silent")).await;
    assert!(first.body.contains("<Record "));
    let repeated = world.send(&function, &event("message-silent")).await;
    assert_eq!(first, repeated);
    let second = world.send(&function, &event("message-silent-again")).await;
    assert!(!second.body.contains("<Record "), "{}", second.body);
}

#[tokio::test]
async fn without_a_table_the_caller_still_leaves_a_message() {
    let world = World::start().await.without_table();
    let reply = world.send(&world.function::<DialResult>(), &event("no-answer")).await;
    assert!(reply.status == 200 && reply.body.contains("<Record "), "{}", reply.body);
}

#[test]
fn the_fallback_says_something_human() {
    assert!(DialResult::fallback("/dial-result/x").body.contains("<Say>"));
}
