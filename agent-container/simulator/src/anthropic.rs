//! Anthropic Messages.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::{Behaviour, Service};
use crate::cancel::{Answer, Open};
use crate::openai_chat::{arguments, content};
use crate::outlet::{Gone, Pieces};
use crate::refusal::error;
use crate::reply::{self, Question, answer, token_time, tokens};
use crate::script::ScriptedTool;
use crate::world::World;

const SERVICE: Service = Service::Anthropic;
/// Characters of tool arguments in one event.
const ARGUMENT_CHARS: usize = 12;

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/v1/messages", post(messages))
        .route("/v1/models", get(models))
        .with_state(world.clone())
}

async fn models() -> Json<Value> {
    let model = json!({"type": "model", "id": "simulated", "display_name": "Simulated", "created_at": "2026-01-01T00:00:00Z"});
    Json(json!({"data": [model], "has_more": false, "first_id": "simulated", "last_id": "simulated"}))
}

async fn messages(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let behaviour = world.admit(SERVICE, &headers).await?;
    let refuse = |message: &str| {
        world.ledger.count(SERVICE, |counts| counts.refused += 1);
        error(SERVICE, 400, "invalid_request_error", message)
    };
    if !headers.contains_key("anthropic-version") {
        return Err(refuse("anthropic-version: header is required"));
    }
    let request: Value =
        serde_json::from_slice(&body).map_err(|_| refuse("The request body is not valid JSON"))?;
    check(&request).map_err(|message| {
        world.ledger.violation(SERVICE, message.clone());
        refuse(&message)
    })?;
    world.ledger.request(SERVICE, request.clone());
    let reply = answer(&world.script, &question(&request));
    let speaker = Speaker { world: world.clone(), behaviour, request, reply };
    Ok(if speaker.request["stream"] == true { speaker.stream() } else { speaker.whole().await })
}

/// What the vendor refuses.
fn check(request: &Value) -> Result<(), String> {
    if request["model"].as_str().is_none_or(str::is_empty) {
        return Err("model: Field required".into());
    }
    if request["max_tokens"].as_u64().is_none_or(|most| most == 0) {
        return Err("max_tokens: Field required".into());
    }
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.first().is_none_or(|message| message["role"] != "user") {
        return Err("messages: first message must use the \"user\" role".into());
    }
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if !matches!(message["role"].as_str(), Some("user" | "assistant")) {
            return Err("messages: Unexpected role. Allowed roles are \"user\" or \"assistant\"".into());
        }
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        if message["content"] == ""
            || blocks.iter().any(|block| block["type"] == "text" && block["text"] == "")
        {
            return Err("messages: text content blocks must be non-empty".into());
        }
        let results = blocks.iter().take_while(|block| block["type"] == "tool_result");
        let answered: Vec<_> = results.filter_map(|block| block["tool_use_id"].as_str()).collect();
        if open.iter().any(|id| !answered.contains(id)) {
            return Err(
                "messages: `tool_use` ids were found without `tool_result` blocks immediately after".into()
            );
        }
        open = blocks.iter().filter(|b| b["type"] == "tool_use").filter_map(|b| b["id"].as_str()).collect();
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err("messages: `tool_use` ids were found without `tool_result` blocks".into())
    }
}

fn question(request: &Value) -> Question {
    let mut question = Question {
        offered: if request["tool_choice"]["type"] == "none" {
            Vec::new()
        } else {
            offered(&request["tools"])
        },
        ..Question::default()
    };
    for message in
        request["messages"].as_array().into_iter().flatten().filter(|message| message["role"] == "user")
    {
        let mut results = message["content"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|block| block["type"] == "tool_result");
        if let Some(result) = results.next_back() {
            question.tool_result = Some(content(&result["content"]));
        }
        let said = content(&message["content"]);
        if !said.is_empty() {
            question.said = Some(said);
            question.tool_result = None;
        }
    }
    question
}

fn offered(tools: &Value) -> Vec<String> {
    tools
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tool| tool["name"].as_str())
        .map(str::to_owned)
        .collect()
}

struct Speaker {
    world: Arc<World>,
    behaviour: Behaviour,
    request: Value,
    reply: reply::Answer,
}

impl Speaker {
    fn stream(self) -> Response {
        let (mut pieces, body) = Pieces::start(&self.world, SERVICE, &self.behaviour);
        tokio::spawn(async move {
            let _open = Open::begin(&self.world, SERVICE);
            let answer = Answer::begin(&self.world, SERVICE);
            match self.speak(&mut pieces).await {
                Ok(()) => answer.complete(),
                Err(Gone) if pieces.failed() => answer.fail(),
                Err(Gone) => drop(answer),
            }
        });
        ([("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_simulated")], body)
            .into_response()
    }

    async fn speak(&self, pieces: &mut Pieces) -> Result<(), Gone> {
        let begun = Instant::now() + Duration::from_millis(self.behaviour.first_ms());
        let step = token_time(self.behaviour.rate());
        pieces.wait(begun).await?;
        let mut start = self.message(json!([]), Value::Null);
        start["usage"]["output_tokens"] = 1.into();
        pieces.send(event(json!({"type": "message_start", "message": start}))).await?;
        pieces.send(event(json!({"type": "ping"}))).await?;
        let words = tokens(&self.reply.text);
        if !words.is_empty() {
            let block = json!({"type": "text", "text": ""});
            pieces
                .send(event(json!({"type": "content_block_start", "index": 0, "content_block": block})))
                .await?;
            for (n, text) in words.iter().enumerate() {
                pieces.wait(begun + step * n as u32).await?;
                let delta = json!({"type": "text_delta", "text": text});
                pieces
                    .send(event(json!({"type": "content_block_delta", "index": 0, "delta": delta})))
                    .await?;
            }
            pieces.send(event(json!({"type": "content_block_stop", "index": 0}))).await?;
        }
        let first = usize::from(!words.is_empty());
        for (n, tool) in self.reply.tools.iter().enumerate() {
            self.ask(pieces, first + n, n, tool, step).await?;
        }
        let delta = json!({"stop_reason": self.stop_reason(), "stop_sequence": null});
        let usage = json!({"output_tokens": words.len()});
        pieces.send(event(json!({"type": "message_delta", "delta": delta, "usage": usage}))).await?;
        pieces.send(event(json!({"type": "message_stop"}))).await
    }

    async fn ask(
        &self,
        pieces: &mut Pieces,
        index: usize,
        n: usize,
        tool: &ScriptedTool,
        step: Duration,
    ) -> Result<(), Gone> {
        let block = json!({"type": "tool_use", "id": call_id(n, tool), "name": tool.name, "input": {}});
        pieces
            .send(event(json!({"type": "content_block_start", "index": index, "content_block": block})))
            .await?;
        let characters: Vec<char> = arguments(tool).chars().collect();
        for piece in characters.chunks(ARGUMENT_CHARS) {
            pieces.wait(Instant::now() + step).await?;
            let delta = json!({"type": "input_json_delta", "partial_json": piece.iter().collect::<String>()});
            pieces
                .send(event(json!({"type": "content_block_delta", "index": index, "delta": delta})))
                .await?;
        }
        pieces.send(event(json!({"type": "content_block_stop", "index": index}))).await
    }

    async fn whole(self) -> Response {
        let time = token_time(self.behaviour.rate()) * tokens(&self.reply.text).len() as u32;
        tokio::time::sleep(Duration::from_millis(self.behaviour.first_ms()) + time).await;
        let text = (!self.reply.text.is_empty()).then(|| json!({"type": "text", "text": self.reply.text}));
        let calls = self.reply.tools.iter().enumerate().map(|(n, tool)| {
            json!({"type": "tool_use", "id": call_id(n, tool), "name": tool.name, "input": tool.arguments})
        });
        let blocks: Vec<Value> = text.into_iter().chain(calls).collect();
        self.world.ledger.count(SERVICE, |counts| counts.completed += 1);
        Json(self.message(blocks.into(), self.stop_reason().into())).into_response()
    }

    fn stop_reason(&self) -> &'static str {
        if self.reply.tools.is_empty() { "end_turn" } else { "tool_use" }
    }

    fn message(&self, blocks: Value, stop_reason: Value) -> Value {
        let words = |value: &Value| content(value).split_whitespace().count();
        let read: usize =
            self.request["messages"].as_array().into_iter().flatten().map(|m| words(&m["content"])).sum();
        json!({
            "id": "msg_simulated", "type": "message", "role": "assistant", "model": self.request["model"],
            "content": blocks, "stop_reason": stop_reason, "stop_sequence": null,
            "usage": {"input_tokens": read, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                "output_tokens": tokens(&self.reply.text).len()},
        })
    }
}

fn call_id(n: usize, tool: &ScriptedTool) -> String {
    format!("toolu_{}_{n}", tool.name)
}

fn event(value: Value) -> Bytes {
    let kind = value["type"].as_str().unwrap_or_default();
    format!("event: {kind}\ndata: {value}\n\n").into()
}

/// What goes with a failure in the middle of the stream.
pub(crate) fn last_words() -> Value {
    json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
}
