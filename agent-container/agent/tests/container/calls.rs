//! Whole calls over scripted lines and simulated vendors that speak the real protocols.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::support::{Heard, World, WorldSetup};
use agent::call::call::Patience;
use agent::drivers::turn_model::{Judge, TurnModels};
use agent::worker::link::Command;
use agent::worker::session::JobEnd;
use domain::{EndReason, Report};
use line::{Digit, LineCommand, LineEnd, LineEvent};
use serde_json::json;
use simulator::{Reply, Script};
use speech::Vendor;

const LONG_REPLY: &str = "Certainly, let me tell you everything about our opening hours, which are from ten \
    in the morning until eleven at night on every day of the week, except on Mondays, when we are closed, and \
    on holidays, when we open at noon and close at midnight.";

fn script(lines: &[&str], say: &str) -> simulator::Config {
    let reply = Reply { say: say.into(), ..Reply::default() };
    let script = Script {
        lines: lines.iter().map(|&l| l.into()).collect(),
        replies: vec![reply],
        ..Script::default()
    };
    simulator::Config { script, ..simulator::Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_hears_a_greeting_and_a_reply_and_the_record_closes() {
    let mut world = World::start(WorldSetup::default()).await;
    let mut caller = world.call("CA1").await;
    caller.is_greeted().await;
    caller.asks("Hello, I would like to book a table.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA1").await, EndReason::CallerHangup);

    let told = world.memory.reports("CA1");
    assert!(matches!(told[0], Report::Accepted { .. }), "{told:?}");
    assert!(
        told.contains(&Report::Joined)
            && told.contains(&Report::CallerActive)
            && told.contains(&Report::Greeted)
    );
    let summary = told.iter().find_map(|r| if let Report::Summary { json } = r { Some(json) } else { None });
    let summary: serde_json::Value = serde_json::from_str(summary.expect("a summary")).unwrap();
    assert_eq!((&summary["turns"], &summary["turns_without_reply"]), (&json!(1), &json!(0)), "{summary}");

    assert_eq!(world.commands.recv().await, Some(Command::JobRunning("AJ_CA1".into())));
    assert_eq!(world.commands.recv().await, Some(Command::JobEnded("AJ_CA1".into(), JobEnd::Success)));
    let journal = world.journal("CA1").await;
    assert!(journal.lines().count() > 20 && journal.starts_with("{\"header\""), "{journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_waits_in_the_ring_while_the_phone_rings() {
    let mut world = World::start(WorldSetup::default()).await;
    let mut caller = world.call("CA30").await;
    caller.rings().await;
    // The voice tells of its first audio after the ring has taken it.
    world.journal_has("CA30", "\"first_byte\"").await;
    assert!(caller.heard_nothing(), "nobody speaks before the answer");
    caller.events.send(LineEvent::Answered).await.unwrap();
    caller.hears(Heard::Speaking).await;
    world.journal_has("CA30", "\"started\"").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA30").await, EndReason::CallerHangup);
    let journal = world.journal("CA30").await;
    let at = |words| journal.find(words).unwrap_or_else(|| panic!("{words}: {journal}"));
    assert!(at("\"first_byte\"") < at("\"answered\"") && at("\"answered\"") < at("\"started\""), "{journal}");
    assert_eq!(world.asked(simulator::Service::Elevenlabs), 1, "one connection, opened while it rang");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_leaves_a_room_nobody_calls_into_and_a_line_nobody_answers() {
    let short = Duration::from_millis(300);
    let patience = |caller_within, answer_within| WorldSetup {
        patience: Patience { caller_within, answer_within },
        ..WorldSetup::default()
    };
    let mut world = World::start(patience(short, Duration::from_secs(60))).await;
    let mut caller = world.call("CA31").await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp, "the room is of no use to anybody");
    assert_eq!(world.memory.ended("CA31").await, EndReason::CallerNeverJoined);
    assert!(caller.heard_nothing());
    drop(world);

    let mut world = World::start(patience(Duration::from_secs(60), short)).await;
    let mut caller = world.call("CA32").await;
    caller.rings().await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA32").await, EndReason::CallerNeverJoined);
    assert!(caller.heard_nothing(), "nobody speaks before the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_interrupts_is_listened_to() {
    let simulator = script(&["Tell me everything.", "Stop, stop, I only want a table for two."], LONG_REPLY);
    let mut world = World::start(WorldSetup { simulator, ..WorldSetup::default() }).await;
    let mut caller = world.call("CA2").await;
    caller.is_greeted().await;
    caller.say("Tell me everything.");
    caller.hears(Heard::Speaking).await;
    caller.say("Stop, stop, I only want a table for two.");
    caller.hears(Heard::Silent).await;
    caller.hangs_up().await;
    world.memory.ended("CA2").await;
    let journal = world.journal("CA2").await;
    assert!(journal.contains("\"interrupted\":true"), "{journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_model_is_replaced_before_the_caller_notices() {
    let setup = WorldSetup {
        vendors: json!({
            "stt": [{"vendor": "deepgram", "model": "ears"}],
            "llm": [{"vendor": "openai", "model": "brain"}, {"vendor": "groq", "model": "brain"}],
            "tts": [{"vendor": "elevenlabs", "model": "mouth"}],
        }),
        keys: vec![(Vendor::OpenAi, "key?fault=unavailable")],
        ..WorldSetup::default()
    };
    let mut world = World::start(setup).await;
    let mut caller = world.call("CA3").await;
    caller.is_greeted().await;
    caller.asks("Hello, I would like to book a table.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA3").await, EndReason::CallerHangup);
    let journal = world.journal("CA3").await;
    let failures = journal.lines().filter(|line| line.starts_with("{\"in\"") && line.contains("\"failed\""));
    assert_eq!(failures.collect::<Vec<_>>(), Vec::<&str>::new(), "the dialogue need not know");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_model_the_caller_hears_an_apology_and_the_call_ends() {
    let turns = json!({"watchdog": [
        {"after_ms": 1500, "action": "filler"},
        {"after_ms": 3000, "action": "fallback"},
        {"after_ms": 5000, "action": "hang_up"},
    ]});
    let keys = vec![(Vendor::OpenAi, "key?fault=unavailable")];
    let mut world = World::start(WorldSetup { keys, turns, ..WorldSetup::default() }).await;
    let mut caller = world.call("CA4").await;
    caller.is_greeted().await;
    caller.say("Hello, I would like to book a table.");
    caller.hears(Heard::Speaking).await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA4").await, EndReason::LlmFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_call_ends_that_call_only() {
    let mut world = World::start(WorldSetup::default()).await;
    let mut other = world.call("CA5").await;
    other.is_answered().await;
    let mut caller = world.call_for("CA6", "panics").await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA6").await, EndReason::AgentCrashed);
    other.hears(Heard::Speaking).await;
    other.hangs_up().await;
    assert_eq!(world.memory.ended("CA5").await, EndReason::CallerHangup);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_container_ends_its_calls_politely() {
    let mut world = World::start(WorldSetup::default()).await;
    let mut caller = world.call("CA7").await;
    caller.is_answered().await;
    caller.hears(Heard::Speaking).await;
    world.stop();
    caller.hears(Heard::Silent).await;
    caller.hears(Heard::Speaking).await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA7").await, EndReason::AgentDrained);
    assert!(world.status.draining.load(Relaxed));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_leaves_without_a_word() {
    let mut world = World::start(WorldSetup::default()).await;
    let caller = world.call("CA8").await;
    caller.events.send(LineEvent::Ended(LineEnd::Duplicate)).await.unwrap();
    assert_eq!(world.commands.recv().await, Some(Command::JobEnded("AJ_CA8".into(), JobEnd::Success)));
    assert_eq!(world.memory.reports("CA8"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_exist_ends_the_call_and_says_whose_fault_it_is() {
    let mut world = World::start(WorldSetup::default()).await;
    let mut caller = world.call_for("CA9", "nobody").await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA9").await, EndReason::BadConfiguration);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_gives_up_before_the_answer_is_recorded_as_such() {
    let mut world = World::start(WorldSetup::default()).await;
    let caller = world.call("CA10").await;
    caller.events.send(LineEvent::Published).await.unwrap();
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA10").await, EndReason::CallerCancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_the_server_ends_is_the_operators_doing_only_if_the_line_knows_no_reason() {
    let mut world = World::start(WorldSetup::default()).await;
    // Its room was deleted after the caller had hung up: the worker's connection tells first.
    let mut caller = world.call("CA40").await;
    caller.is_greeted().await;
    world.terminates("CA40").await;
    // A call listens to its line first: what it heard after the server's word shows that it took both.
    caller.events.send(LineEvent::Dtmf(Digit::from_char('5').unwrap())).await.unwrap();
    world.journal_has("CA40", "\"digit\"").await;
    caller.events.send(LineEvent::Ended(LineEnd::Removed)).await.unwrap();
    assert_eq!(world.memory.ended("CA40").await, EndReason::CallerHangup);
    // Its dispatch was deleted: nobody says anything, and the caller is there.
    let mut caller = world.call("CA41").await;
    caller.is_greeted().await;
    world.terminates("CA41").await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA41").await, EndReason::OperatorStopped);
}

/// An end-of-turn model with one answer.
struct Always(f32);

impl Judge for Always {
    fn judge(&mut self, samples: &[i16]) -> Result<(f32, Duration), turnmodel::TurnModelError> {
        assert!(!samples.is_empty(), "nothing was heard");
        Ok((self.0, Duration::from_millis(7)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_end_of_turn_model_is_asked_and_its_answer_is_in_the_journal() {
    let mut world = World::start(WorldSetup {
        simulator: script(&["Hello, I would like to book a table."], "Gladly."),
        turns: json!({"endpointing_turn_model": "smart-turn"}),
        turn_models: TurnModels::start(1.0, || Ok(Always(0.25))).unwrap(),
        ..WorldSetup::default()
    })
    .await;
    let mut caller = world.call("CA1").await;
    caller.is_greeted().await;
    caller.asks("Hello, I would like to book a table.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA1").await, EndReason::CallerHangup);
    let journal = world.journal("CA1").await;
    assert!(journal.contains(r#""judged":{"probability":0.25,"cost_ms":7}"#), "{journal}");
    assert!(journal.contains("model_incomplete"), "{journal}");
}
