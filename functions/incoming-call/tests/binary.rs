//! The real binary behind an emulated Runtime API: what it answers, and what it logs.

#![allow(clippy::unwrap_used)]

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use samples::{RuntimeApi, World, values};
use serde_json::Value;

fn event(name: &str) -> Value {
    samples::all()
        .into_iter()
        .find(|case| case.function == "incoming-call" && case.name == name)
        .unwrap()
        .event
}

fn start(world: &World, table_url: &str, api: &RuntimeApi) -> Child {
    Command::new(env!("CARGO_BIN_EXE_incoming-call"))
        .env_clear()
        .envs(world.environment())
        .env("AWS_ENDPOINT_URL_DYNAMODB", table_url)
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", "incoming-call")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_LOG_LEVEL", "info")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends the function; the lines it logged.
fn end(mut child: Child) -> Vec<Value> {
    let _ = child.kill();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_and_logs_one_json_line_with_time_level_and_request() {
    let world = World::start().await;
    // No table: the caller is served, and the log says so.
    let lines = tokio::task::block_in_place(|| {
        let mut api = RuntimeApi::start();
        let child = start(&world, "http://127.0.0.1:9", &api);
        api.wait_for_poll();
        let (_, forged) = api.invoke(&event("forged"));
        assert_eq!(forged["statusCode"], 403);
        let (_, answered) = api.invoke(&event("answered"));
        assert_eq!(answered["statusCode"], 200);
        assert!(answered["body"].as_str().unwrap().contains("<Record "));
        end(child)
    });
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["webhook_rejected", "call_degraded"]);
    for line in &lines {
        for field in ["timestamp", "level"] {
            assert!(line[field].is_string(), "{field} is missing in {line}");
        }
        assert!(line.to_string().contains("requestId"), "{line}");
        for secret in [values::CALLER, values::NUMBER, "5550100", values::TWILIO_TOKEN, values::SIP_PASSWORD]
        {
            assert!(!line.to_string().contains(secret), "{secret} in {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_token_is_a_start_up_failure() {
    let world = World::start().await.set("TWILIO_AUTH_TOKENS", "");
    let lines = tokio::task::block_in_place(|| {
        let api = RuntimeApi::start();
        let mut child = start(&world, "http://127.0.0.1:9", &api);
        assert!(!child.wait().unwrap().success());
        end(child)
    });
    assert!(lines.iter().any(|line| line.to_string().contains("TWILIO_AUTH_TOKENS")), "{lines:?}");
}
