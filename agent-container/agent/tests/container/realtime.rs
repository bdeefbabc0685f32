//! Speech to speech: tools, interruptions, and sessions that end by age.

use crate::support::{ToolServer, World, WorldSetup};
use domain::EndReason;
use serde_json::{Value, json};
use simulator::{Reply, Script, ScriptedTool};

const LONG_REPLY: &str = "We are open from ten in the morning until eleven at night on every day of the week, \
    except on Mondays, when we are closed, and on holidays, when we open at noon and close at midnight.";

fn setup(script: Script, agent: Value) -> WorldSetup {
    WorldSetup {
        vendors: json!({"s2s": [vendor(json!({}))]}),
        simulator: simulator::Config { script, ..simulator::Config::default() },
        agent,
        ..WorldSetup::default()
    }
}

/// One of a chain, with further options.
fn vendor(mut options: Value) -> Value {
    options["voice"] = json!("any");
    options["transcription_model"] = json!("ears");
    json!({"vendor": "openai", "model": "voice", "options": options})
}

fn script(line: &str, reply: Reply) -> Script {
    Script { lines: vec![line.to_owned()], replies: vec![reply], ..Script::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_asked_and_its_answer_spoken() {
    let tool = ToolServer::start("table seven").await;
    let call = ScriptedTool { name: "find_table".into(), arguments: json!({"people": 4}) };
    let reply = Reply {
        say: "One moment.".into(),
        tools: vec![call],
        then: "I found {result}.".into(),
        ..Reply::default()
    };
    let agent = json!({"greeting": "Hello.", "tools": [tool.config("find_table", "read")]});
    let mut world = World::start(setup(script("Do you have a table for four?", reply), agent)).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.asks("Do you have a table for four?").await;
    world.journal_has("CA", "I found table seven.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA").await, EndReason::CallerHangup);
    assert_eq!(tool.requests(), [json!({"people": 4})]);
    world.no_rule_was_broken();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_item_is_truncated_to_what_was_heard() {
    let reply = Reply { say: LONG_REPLY.into(), ..Reply::default() };
    let agent = json!({"greeting": "Hello."});
    let mut world = World::start(setup(script("When are you open, please?", reply), agent)).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.say("When are you open, please?");
    // Later than the dead time in which a reply's own echo interrupts nothing.
    world.journal_has("CA", " night\"").await;
    caller.say("Stop, stop, that is all I wanted to know.");
    world.journal_has("CA", "\"truncate\"").await;
    caller.hangs_up().await;
    world.memory.ended("CA").await;
    let journal = world.journal("CA").await;
    assert!(journal.contains("\"interrupted\":true"), "{journal}");
    assert!(!journal.contains("close at midnight\",\"interrupted"), "not the whole reply: {journal}");
    world.no_rule_was_broken();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_expires_is_replaced_with_its_history() {
    let reply = Reply { say: "With pleasure.".into(), ..Reply::default() };
    let agent = json!({"greeting": "Hello."});
    let world_setup = setup(script("I would like to book a table.", reply), agent);
    let mut world = World::start(world_setup).await;
    // The first session only, in the middle of its second answer.
    world.next_behaves("openai_realtime", &json!({"fault": "expired", "after": 60})).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.asks("I would like to book a table.").await;
    caller.asks("I would like to book a table.").await;
    caller.asks("I would like to book a table.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA").await, EndReason::CallerHangup);
    let journal = world.journal("CA").await;
    assert!(journal.contains("\"recycle\"") && journal.contains("live_expired"), "{journal}");
    assert!(world.asked(simulator::Service::OpenaiRealtime) >= 2, "a second session");
    world.no_rule_was_broken();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_of_a_chain_goes_on_where_the_first_is_not_there_and_ends_turns_by_meaning() {
    let reply = Reply { say: "With pleasure.".into(), ..Reply::default() };
    let mut world_setup =
        setup(script("I would like to book a table.", reply), json!({"greeting": "Hello."}));
    // Nobody listens on the discard port.
    let gone = vendor(json!({"base_url": "http://127.0.0.1:9/v1"}));
    let there = vendor(json!({"turn_detection": "semantic_vad", "eagerness": "high"}));
    world_setup.vendors = json!({"s2s": [gone, there]});
    let mut world = World::start(world_setup).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.asks("I would like to book a table.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA").await, EndReason::CallerHangup);
    let journal = world.journal("CA").await;
    assert_eq!(journal.matches("\"closed\"").count(), 1, "{journal}");
    world.no_rule_was_broken();
}
