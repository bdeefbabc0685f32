//! Calls through the whole product: signed webhook, function, SIP phone, livekit-sip, livekit-server, agent, record.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/shared_stack.rs"]
mod shared_stack;
mod support;

use std::time::Duration;

use local::{CallPlan, IncomingCall, place, speech};
use shared_stack::stack;
use support::{SOON, closed, dir};

const CALLER: &str = "+15550100200";

/// Two cores are enough for ten calls, or for the rest of the tests, not for both at once.
static MACHINE: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

async fn plan(name: &str, lines: &[&str]) -> CallPlan {
    let mut utterances = Vec::new();
    for line in lines {
        utterances.push(speech::speak(line).await.unwrap());
    }
    let dir = dir(name);
    CallPlan { caller: CALLER.to_owned(), utterances, recording: dir.join("call.wav"), phone_dir: dir }
}

#[tokio::test]
async fn a_caller_is_greeted_answered_and_the_record_closes() {
    let _shared = MACHINE.read().await;
    let plan = plan("greeted", &["Hello, I have a toothache. Can I come in this week?"]).await;
    let placed = place(stack(), &plan, |_| {}).await.unwrap();
    assert_eq!(placed.outcome.complaints(), Vec::<&str>::new(), "{placed:#?}");
    assert_eq!(placed.problems, Vec::<String>::new());
    assert_eq!(placed.outcome.room.as_deref(), Some(format!("call-{}", placed.outcome.call_sid).as_str()));
    let recording = hound::WavReader::open(&plan.recording).unwrap();
    assert_eq!((recording.spec().channels, recording.spec().sample_rate), (2, 8000));
    let journal =
        std::fs::read_to_string(local::journal(&stack().extra.journal_dir, &placed.outcome.call_sid))
            .unwrap();
    assert!(journal.contains("thank you for calling Ringdown Dental"));
}

#[tokio::test]
async fn ten_callers_at_once_are_all_served() {
    let _alone = MACHINE.write().await;
    let mut plans = Vec::new();
    for number in 0..10 {
        let plan =
            plan(&format!("ten-{number}"), &["Hello, I have a toothache. Can I come in this week?"]).await;
        plans.push(CallPlan { caller: format!("+155501003{number:02}"), ..plan });
    }
    let placed = futures_util::future::join_all(plans.iter().map(|plan| place(stack(), plan, |_| {}))).await;
    for placed in placed {
        let placed = placed.unwrap();
        assert_eq!(placed.outcome.complaints(), Vec::<&str>::new(), "{placed:#?}");
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_call() {
    let _shared = MACHINE.read().await;
    let mut call = IncomingCall::arrive(stack(), CALLER).await.unwrap();
    let mut leg = call.until_dial().await.unwrap().unwrap();
    let mut phone = IncomingCall::phone(&leg, &dir("leaves"), CALLER, Vec::new()).await.unwrap();
    assert_eq!(call.dial(&mut leg, &mut phone).await.unwrap(), None);
    phone.hang_up().await.unwrap();
    phone.until_closed(SOON).await.unwrap();
    let end = IncomingCall::end_of(&phone);
    assert!(call.leg_ended(&mut leg, &end, true).await.unwrap().is_none());
    let call_sid = call.call_sid.clone();
    assert_eq!(call.over(end.duration).await, Vec::<String>::new());
    let record = closed(stack(), &call_sid).await;
    assert_eq!(record.end_reason.unwrap().as_str(), "caller_hangup");
}

#[tokio::test]
async fn an_agent_that_says_goodbye_hangs_up() {
    let _shared = MACHINE.read().await;
    // The simulated recogniser gives as many of the script's words as there is speech for them.
    let lines = local::script::lines().unwrap();
    let plan = plan("goodbye", &lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let placed = place(stack(), &plan, |_| {}).await.unwrap();
    assert_eq!(placed.outcome.complaints(), Vec::<&str>::new(), "{placed:#?}");
    assert_eq!(placed.outcome.replies_heard, 3, "{placed:#?}");
    assert_eq!(placed.outcome.end_reason.as_deref(), Some("agent_hangup"), "{placed:#?}");
}

#[tokio::test]
async fn a_wrong_sip_password_ends_in_words_not_in_silence() {
    let _shared = MACHINE.read().await;
    let mut call = IncomingCall::arrive(stack(), CALLER).await.unwrap();
    let mut leg = call.until_dial().await.unwrap().unwrap();
    leg.with_password("wrong");
    let mut phone = IncomingCall::phone(&leg, &dir("wrong-password"), CALLER, Vec::new()).await.unwrap();
    let end = call.dial(&mut leg, &mut phone).await.unwrap().unwrap();
    assert_eq!(end.status, "failed", "{end:?}");
    assert!(call.leg_ended(&mut leg, &end, false).await.unwrap().is_none());
    assert!(!call.told.is_empty());
    let call_sid = call.call_sid.clone();
    assert_eq!(call.over(None).await, Vec::<String>::new());
    closed(stack(), &call_sid).await;
}

#[tokio::test]
async fn an_unsigned_webhook_is_refused() {
    let _shared = MACHINE.read().await;
    let webhooks = local::Webhooks::to(stack()).unwrap();
    let answer = webhooks
        .post_signed(
            &webhooks.url("/incoming-call"),
            "CallSid=CA1&From=%2B1".to_owned(),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )
        .await
        .unwrap();
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn cargo_lambda_invoke_reaches_a_function() {
    let _shared = MACHINE.read().await;
    let event = dir("invoke").join("health.json");
    std::fs::write(&event, include_str!("data/health-event.json")).unwrap();
    let port = stack().extra.lambda_port.to_string();
    let mut invoke = tokio::process::Command::new(servers::Tool::CargoLambda.path().unwrap());
    invoke.args(["lambda", "invoke", "health", "-A", "127.0.0.1", "-P", &port, "--data-file"]).arg(event);
    let output = tokio::time::timeout(Duration::from_secs(60), invoke.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\"statusCode\":200"), "{text} {}", String::from_utf8_lossy(&output.stderr));
}
