//! Callers for whom no agent comes: they are told, and never wait in silence.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use local::{IncomingCall, Report, Stack, StackOptions};
use support::{SOON, closed, dir, options};

const CALLER: &str = "+15550100200";

#[tokio::test]
async fn without_any_agent_the_caller_is_told() {
    let stack =
        Stack::start(StackOptions { agent: false, ..options("no-agent") }, Report::quiet()).await.unwrap();
    let mut call = IncomingCall::arrive(stack.file(), CALLER).await.unwrap();
    assert!(call.until_dial().await.unwrap().is_none());
    assert!(!call.told.is_empty(), "{}", call.answer.body);
    let call_sid = call.call_sid.clone();
    assert_eq!(call.over(None).await, Vec::<String>::new());
    closed(stack.file(), &call_sid).await;
    stack.stop().await;
}

#[tokio::test]
async fn when_the_agent_has_just_died_ringing_can_be_cancelled_and_ends_in_words() {
    let mut stack = Stack::start(options("dead-agent"), Report::quiet()).await.unwrap();
    stack.kill_agents();

    let mut call = IncomingCall::arrive(stack.file(), CALLER).await.unwrap();
    let mut leg = call.until_dial().await.unwrap().unwrap();
    let mut phone = IncomingCall::phone(&leg, &dir("cancels"), CALLER, Vec::new()).await.unwrap();
    phone.dial(leg.dialled()).await.unwrap();
    phone.until_ringing(SOON).await.unwrap();
    phone.hang_up().await.unwrap();
    phone.until_closed(SOON).await.unwrap();
    let end = IncomingCall::end_of(&phone);
    assert_eq!(end.duration, None);
    call.leg_ended(&mut leg, &end, true).await.unwrap();
    let call_sid = call.call_sid.clone();
    assert_eq!(call.over(None).await, Vec::<String>::new());
    closed(stack.file(), &call_sid).await;

    // The next caller lets it ring: the carrier gives up and asks what to do.
    let mut call = IncomingCall::arrive(stack.file(), CALLER).await.unwrap();
    let mut leg = call.until_dial().await.unwrap().unwrap();
    let mut phone = IncomingCall::phone(&leg, &dir("waits"), CALLER, Vec::new()).await.unwrap();
    let end = call.dial(&mut leg, &mut phone).await.unwrap().unwrap();
    assert!(call.leg_ended(&mut leg, &end, false).await.unwrap().is_none());
    assert!(!call.told.is_empty());
    stack.stop().await;
}
