//! Tools: what acts does so once, whatever happens in the call.

use std::sync::{Arc, Mutex};

use agent::call::transfer::{Transferring, Transfers};
use dialogue::TransferResult;
use domain::{Callback, EndReason, Report};
use line::LineCommand;
use serde_json::{Value, json};
use simulator::{Reply, Script, ScriptedTool};

use crate::support::{Heard, ToolServer, World, WorldSetup};

/// A model that calls this tool when it is asked for anything, and says this afterwards.
fn world_with(tool: &str, arguments: Value, then: &str, agent: Value) -> WorldSetup {
    let call = ScriptedTool { name: tool.into(), arguments };
    let reply = Reply { tools: vec![call], then: then.into(), ..Reply::default() };
    let script =
        Script { lines: vec!["Please do it for me now.".into()], replies: vec![reply], ..Script::default() };
    WorldSetup {
        simulator: simulator::Config { script, ..simulator::Config::default() },
        agent,
        ..WorldSetup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_stored_once_with_number_time_and_reason() {
    let at = "2099-11-22T10:00:00+01:00";
    let too_far = world_with(
        "schedule_callback",
        json!({"at": at, "reason": "a table"}),
        "{result}",
        json!({"greeting": "Hello."}),
    );
    let mut world = World::start(too_far).await;
    let mut caller = world.call("CA20").await;
    caller.is_greeted().await;
    caller.asks("Please do it for me now.").await;
    caller.hangs_up().await;
    world.memory.ended("CA20").await;
    assert_eq!(world.memory.callbacks(), [] as [Callback; 0], "nobody keeps a promise for 2099");

    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let arguments = json!({"at": tomorrow.to_string(), "reason": "a table"});
    let setup = world_with("schedule_callback", arguments, "{result}", json!({"greeting": "Hello."}));
    let mut world = World::start(setup).await;
    let mut caller = world.call("CA21").await;
    caller.is_greeted().await;
    caller.asks("Please do it for me now.").await;
    caller.asks("Please do it for me now.").await;
    caller.hangs_up().await;
    world.memory.ended("CA21").await;
    let mut promises = world.memory.callbacks();
    promises.dedup_by(|a, b| a.call == b.call && a.key == b.key);
    let [promise] = &promises[..] else { panic!("{promises:?}") };
    assert_eq!((promise.number.as_str(), promise.reason.as_str()), ("+15550100123", "a table"));
    assert_eq!(promise.agreed, tomorrow.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_runs_once_although_the_caller_talks_over_it_and_its_key_is_the_calls_own() {
    let server = ToolServer::start("booked").await;
    let agent = json!({"greeting": "Hello.", "tools": [server.config("book", "write")]});
    let mut world = World::start(world_with("book", json!({"people": 2}), "It is {result}.", agent)).await;
    for call in ["CA22", "CA23"] {
        let mut caller = world.call(call).await;
        caller.is_greeted().await;
        caller.say("Please do it for me now.");
        world.journal_has(call, "\"run_tool\"").await;
        caller.say("Please do it for me now.");
        world.journal_has(call, "It is booked.").await;
        caller.hangs_up().await;
        world.memory.ended(call).await;
        let journal = world.journal(call).await;
        let asked = journal.find("\"run_tool\"").expect("journaled before it runs");
        assert!(journal[asked..].contains("\"tool\":{"), "and after: {journal}");
    }
    let keys = server.keys();
    assert_eq!(keys.len(), server.requests().len());
    let of = |call: &str| keys.iter().flatten().filter(|key| key.starts_with(call)).collect::<Vec<_>>();
    for call in ["CA22", "CA23"] {
        let mut keys = of(call);
        let count = keys.len();
        keys.dedup();
        assert!(count >= 1 && keys.len() == count, "every request of a call has its own key: {keys:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_ends_the_call_says_its_last_word_first() {
    let mut world =
        World::start(world_with("end_call", json!({}), "Goodbye then.", json!({"greeting": "Hello."}))).await;
    let mut caller = world.call("CA24").await;
    caller.is_greeted().await;
    caller.say("Please do it for me now.");
    caller.hears(Heard::Speaking).await;
    assert_eq!(caller.is_left().await, LineCommand::HangUp);
    assert_eq!(world.memory.ended("CA24").await, EndReason::AgentHangup);
}

/// Looks something up, is interrupted, is listened to, is thanked.
fn busy_call(tool: &Value) -> WorldSetup {
    let find = ScriptedTool { name: "find".into(), arguments: json!({"name": "Otto"}) };
    let reply = |when: &str, say: &str| Reply { when: when.into(), say: say.into(), ..Reply::default() };
    let long = "There is {result}. The kitchen is open until eleven, the terrace is open until ten, and on \
        Sundays we have live music from eight in the evening until everybody has gone home.";
    let script = Script {
        lines: ["Please find my booking.", "Please make it three people.", "Uh-huh.", "Thank you, goodbye."]
            .map(String::from)
            .to_vec(),
        replies: vec![
            Reply { tools: vec![find], then: long.into(), ..reply("find my booking", "One moment.") },
            reply(
                "three people",
                "Certainly, it is three people now, at the same time and at the same table.",
            ),
            reply("goodbye", "Goodbye, Otto."),
        ],
        ..Script::default()
    };
    WorldSetup {
        simulator: simulator::Config { script, ..simulator::Config::default() },
        agent: json!({"greeting": "Hello.", "tools": [tool]}),
        ..WorldSetup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_tool_and_a_barge_in_replays_from_its_journal() {
    let server = ToolServer::start("a table for two").await;
    let mut world = World::start(busy_call(&server.config("find", "read"))).await;
    let mut caller = world.call("CA27").await;
    caller.is_greeted().await;
    caller.say("Please find my booking.");
    world.journal_has("CA27", "\"text\":\"One moment.\"},\"interrupted\":false").await;
    caller.say("Please make it three people.");
    caller.hears(Heard::Silent).await;
    caller.hears(Heard::Speaking).await;
    caller.say("Uh-huh.");
    world.journal_has("CA27", "\"decision\":\"turn_kept\",\"rule\":\"backchannel\"").await;
    caller.hears(Heard::Silent).await;
    caller.asks("Thank you, goodbye.").await;
    caller.hangs_up().await;
    world.memory.ended("CA27").await;

    let journal = world.journal("CA27").await;
    for word in ["\"run_tool\"", "\"interrupted\":true", "Goodbye, Otto."] {
        assert!(journal.contains(word), "{word} is not in {journal}");
    }
    // Renews replay/tests/data/booking.jsonl when decisions change on purpose.
    if let Some(path) = std::env::var_os("KEEP_JOURNAL") {
        std::fs::write(path, &journal).expect("a file that can be written");
    }
    let lines = replay::journal::parse(&journal).expect("a journal");
    assert_eq!(replay::journal::replay(&lines), Ok(()), "{journal}");
}

/// A road that answers every transfer alike, and remembers to whom.
#[derive(Debug)]
struct Answers {
    result: TransferResult,
    asked: Mutex<Vec<String>>,
}

impl Transfers for Answers {
    fn transfer<'a>(&'a self, number: &'a str) -> Transferring<'a> {
        self.asked.lock().expect("no panic").push(number.to_owned());
        Box::pin(async { self.result.clone() })
    }

    fn caller_is(&self, _: &str) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_to_a_configured_number_or_the_caller_stays_with_the_agent() {
    let agent = json!({"greeting": "Hello.", "transfer_targets": {"office": "+15550100999"}});
    let setup = |result| {
        let road = Arc::new(Answers { result, asked: Mutex::default() });
        let world = world_with("transfer_call", json!({"to": "office"}), "I put you through.", agent.clone());
        (Arc::clone(&road), WorldSetup { transfers: Some(road), ..world })
    };
    let (road, taken) = setup(TransferResult::Done);
    let mut world = World::start(taken).await;
    let mut caller = world.call("CA25").await;
    caller.is_greeted().await;
    caller.say("Please do it for me now.");
    assert_eq!(caller.is_left().await, LineCommand::Leave, "somebody else has the caller");
    assert_eq!(world.memory.ended("CA25").await, EndReason::Transferred);
    assert_eq!(*road.asked.lock().unwrap(), ["+15550100999"]);
    drop(world);

    let (_, busy) = setup(TransferResult::Failed { sip_status: Some(486) });
    let mut world = World::start(busy).await;
    let mut caller = world.call("CA26").await;
    caller.is_greeted().await;
    caller.say("Please do it for me now.");
    world.journal_has("CA26", "\"sip_status\":486").await;
    caller.hears(Heard::Speaking).await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA26").await, EndReason::CallerHangup);
    assert!(
        !world
            .memory
            .reports("CA26")
            .iter()
            .any(|r| matches!(r, Report::Ended { reason } if *reason == EndReason::Transferred))
    );
}
