//! A collector receives the spans of a call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use agent::net::{http, tls};
use agent::spans::Spans;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use telemetry::turn::VOCABULARY;
use tokio::net::TcpListener;

use crate::support::{ToolServer, World, WorldSetup};
use simulator::{Reply, Script, ScriptedTool};

type Batches = Arc<Mutex<Vec<Value>>>;

async fn collector() -> (String, Batches) {
    let batches = Batches::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let take = async |State(batches): State<Batches>, Json(batch): Json<Value>| {
        batches.lock().expect("no panic").push(batch);
        Json(json!({}))
    };
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&batches));
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, batches)
}

fn spans_of(batches: &Batches) -> Vec<Value> {
    let batches = batches.lock().expect("no panic");
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let scopes = batches.iter().flat_map(|batch| list(batch, "resourceSpans"));
    scopes.flat_map(|r| list(&r, "scopeSpans")).flat_map(|s| list(&s, "spans")).collect()
}

fn nanos(span: &Value, field: &str) -> u128 {
    span[field].as_str().and_then(|text| text.parse().ok()).expect("a number in a string")
}

/// Starts and ends of a span as it was sent.
fn within(inner: &Value, outer: &Value) -> bool {
    nanos(inner, "startTimeUnixNano") >= nanos(outer, "startTimeUnixNano")
        && nanos(inner, "endTimeUnixNano") <= nanos(outer, "endTimeUnixNano")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_becomes_spans_with_parents_names_and_durations() {
    tls::install_provider();
    let (url, batches) = collector().await;
    let spans = Spans::to(&url, http::client().unwrap()).unwrap();
    let tool = ToolServer::start("table seven").await;
    let call = ScriptedTool { name: "find_table".into(), arguments: json!({"people": 4}) };
    let reply = Reply { tools: vec![call], then: "I found {result}.".into(), ..Reply::default() };
    let script =
        Script { lines: vec!["A secret table, please.".into()], replies: vec![reply], ..Script::default() };
    let setup = WorldSetup {
        simulator: simulator::Config { script, ..simulator::Config::default() },
        agent: json!({"greeting": "Hello.", "tools": [tool.config("find_table", "read")]}),
        spans: spans.clone(),
        ..WorldSetup::default()
    };
    let mut world = World::start(setup).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.asks("A secret table, please.").await;
    world.journal_has("CA", "\"outcome\":\"replied\"").await;
    spans.flush().await;
    let early = spans_of(&batches);
    let has = |name: &str| early.iter().any(|span| span["name"] == name);
    assert!(has("user_turn") && has("agent_turn") && has("execute_tool"), "a turn is told when it is over");
    assert!(!has("invoke_agent"), "the call goes on");
    caller.hangs_up().await;
    world.memory.ended("CA").await;
    spans.flush().await;

    let sent = spans_of(&batches);
    check_parents(&sent);
    check_words(&sent);
}

/// Every span stands under the right one, and within its time.
fn check_parents(sent: &[Value]) {
    let by_id: BTreeMap<&str, &Value> =
        sent.iter().map(|s| (s["spanId"].as_str().expect("an id"), s)).collect();
    let parent = |span: &Value| by_id.get(span["parentSpanId"].as_str().unwrap_or_default()).copied();
    let named = |name: &str| sent.iter().filter(|s| s["name"] == name).collect::<Vec<_>>();
    let check = |name: &str, under: &str, least: usize| {
        let spans = named(name);
        assert!(spans.len() >= least, "{name}: {sent:#?}");
        for span in spans {
            let parent = parent(span).unwrap_or_else(|| panic!("{name} without a parent"));
            assert!(parent["name"] == under && within(span, parent), "{span:#?} under {parent:#?}");
        }
    };
    assert_eq!(named("invoke_agent").len(), 1);
    assert!(parent(named("invoke_agent")[0]).is_none());
    check("user_turn", "invoke_agent", 1);
    check("agent_turn", "invoke_agent", 1);
    check("chat", "agent_turn", 2);
    check("execute_tool", "agent_turn", 1);
    check("tts_node", "agent_turn", 1);
    check("agent_speaking", "invoke_agent", 2);
    assert!(sent.iter().all(|s| s["traceId"] == sent[0]["traceId"]), "one trace a call");
}

/// Names are in the vocabulary, what is measured is there, and nothing that was said.
fn check_words(sent: &[Value]) {
    let known = |span: &Value| VOCABULARY.iter().any(|word| span["name"] == word.ours);
    assert!(sent.iter().all(known), "every span is in the vocabulary");
    let text = serde_json::to_string(sent).expect("JSON");
    for secret in ["secret", "table seven", "Hello", "people"] {
        assert!(!text.contains(secret), "{secret} was said, not measured");
    }
    for name in [
        "gen_ai.agent.id",
        "gen_ai.request.model",
        "gen_ai.usage.output_tokens",
        "ringdown.turn.stage_ms.e2e",
        "ringdown.turn.at_ms.audio_first_nonsilent_sample_sent",
        "ringdown.turn.critical_path",
        "ringdown.end_reason",
    ] {
        assert!(text.contains(name), "{name}");
    }
}
