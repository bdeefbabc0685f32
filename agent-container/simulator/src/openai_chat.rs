//! OpenAI chat completions, also under Groq's address.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::{Behaviour, Service};
use crate::cancel::{Answer, Open};
use crate::outlet::{Gone, Pieces};
use crate::refusal::{error, openai_error};
use crate::reply::{self, Question, answer, token_time, tokens};
use crate::script::ScriptedTool;
use crate::world::World;

/// Characters of tool arguments in one chunk.
const ARGUMENT_CHARS: usize = 12;

/// The models this simulator answers as: any.
pub(crate) async fn models() -> Json<Value> {
    Json(
        json!({"object": "list", "data": [{"id": "simulated", "object": "model", "created": 0, "owned_by": "simulator"}]}),
    )
}

pub(crate) async fn openai(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    complete(Service::OpenaiChat, &world, &headers, &body).await
}

/// One request for a reply.
pub(crate) async fn complete(
    service: Service,
    world: &Arc<World>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Response> {
    let behaviour = world.admit(service, headers).await?;
    let refuse = |code: &str, message: &str| {
        world.ledger.count(service, |counts| counts.refused += 1);
        error(service, 400, code, message)
    };
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| refuse("invalid_json", "We could not parse the JSON body."))?;
    check(&request).map_err(|message| {
        world.ledger.violation(service, message.clone());
        refuse("invalid_request_error", &message)
    })?;
    world.ledger.request(service, request.clone());
    let reply = answer(&world.script, &question(&request));
    let speaker = Speaker { service, world: world.clone(), behaviour, request, reply };
    Ok(if speaker.request["stream"] == true { speaker.stream() } else { speaker.whole().await })
}

/// What the vendor refuses.
fn check(request: &Value) -> Result<(), String> {
    if request["model"].as_str().is_none_or(str::is_empty) {
        return Err("you must provide a model parameter".into());
    }
    let Some(messages) = request["messages"].as_array().filter(|messages| !messages.is_empty()) else {
        return Err("Missing required parameter: 'messages'.".into());
    };
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        match message["role"].as_str() {
            Some("tool") => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                if !open.contains(&id) {
                    return Err("messages with role 'tool' must be a response to a preceding message with 'tool_calls'.".into());
                }
                open.retain(|call| *call != id);
                continue;
            }
            Some("system" | "developer" | "user" | "assistant") if open.is_empty() => {}
            Some(role @ ("system" | "developer" | "user" | "assistant")) => {
                return Err(format!(
                    "An assistant message with 'tool_calls' must be followed by tool messages: {role} came first"
                ));
            }
            _ => return Err("Invalid value for 'role'.".into()),
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.filter_map(|call| call["id"].as_str()).collect();
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err("An assistant message with 'tool_calls' must be followed by tool messages.".into())
    }
}

fn question(request: &Value) -> Question {
    let messages: &[Value] = request["messages"].as_array().map_or(&[], Vec::as_slice);
    let last = |role: &str| messages.iter().rposition(|message| message["role"] == role);
    let (user, tool) = (last("user"), last("tool"));
    let text = |at: usize| content(&messages[at]["content"]);
    Question {
        said: user.map(text),
        tool_result: tool.filter(|tool| user.is_none_or(|user| user < *tool)).map(text),
        offered: if request["tool_choice"] == "none" { Vec::new() } else { offered(&request["tools"]) },
    }
}

fn offered(tools: &Value) -> Vec<String> {
    let names = tools.as_array().into_iter().flatten().filter_map(|tool| tool["function"]["name"].as_str());
    names.map(str::to_owned).collect()
}

/// Content is text or a list of parts with text.
pub(crate) fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

struct Speaker {
    service: Service,
    world: Arc<World>,
    behaviour: Behaviour,
    request: Value,
    reply: reply::Answer,
}

impl Speaker {
    fn stream(self) -> Response {
        let (pieces, body) = Pieces::start(&self.world, self.service, &self.behaviour);
        tokio::spawn(async move {
            let _open = Open::begin(&self.world, self.service);
            let answer = Answer::begin(&self.world, self.service);
            let mut pieces = pieces;
            match self.speak(&mut pieces).await {
                Ok(()) => answer.complete(),
                Err(Gone) if pieces.failed() => answer.fail(),
                Err(Gone) => drop(answer),
            }
        });
        ([("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "req_simulated")], body)
            .into_response()
    }

    async fn speak(&self, pieces: &mut Pieces) -> Result<(), Gone> {
        let begun = Instant::now() + Duration::from_millis(self.behaviour.first_ms());
        let step = token_time(self.behaviour.rate());
        pieces.wait(begun).await?;
        let quirks = self.behaviour.quirks();
        if quirks {
            pieces.send(": PROCESSING\r\n\r\n").await?;
        }
        pieces.send(self.chunk(json!({"role": "assistant", "content": "", "refusal": null}), None)).await?;
        for (n, token) in tokens(&self.reply.text).into_iter().enumerate() {
            pieces.wait(begun + step * n as u32).await?;
            pieces.send(self.chunk(json!({"content": token}), None)).await?;
        }
        for (index, tool) in self.reply.tools.iter().enumerate() {
            for delta in if quirks { vec![whole_call(tool)] } else { tool_deltas(index, tool) } {
                pieces.wait(Instant::now() + step).await?;
                pieces.send(self.chunk(json!({"tool_calls": [delta]}), None)).await?;
            }
        }
        let reason = if quirks { "stop" } else { self.finish_reason() };
        pieces.send(self.chunk(json!({}), Some(reason))).await?;
        if quirks {
            return Ok(());
        }
        if self.request["stream_options"]["include_usage"] == true {
            pieces.send(event(&self.envelope("chat.completion.chunk", json!([]), self.usage()))).await?;
        }
        pieces.send("data: [DONE]\n\n").await
    }

    async fn whole(self) -> Response {
        let tokens = tokens(&self.reply.text).len() as u32;
        let time =
            Duration::from_millis(self.behaviour.first_ms()) + token_time(self.behaviour.rate()) * tokens;
        tokio::time::sleep(time).await;
        let calls = self.reply.tools.iter().enumerate().map(|(n, tool)| call(n, tool)).collect::<Vec<_>>();
        let content = if self.reply.text.is_empty() { Value::Null } else { self.reply.text.clone().into() };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null});
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        let choices = json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason()}]);
        self.world.ledger.count(self.service, |counts| counts.completed += 1);
        Json(self.envelope("chat.completion", choices, self.usage())).into_response()
    }

    fn finish_reason(&self) -> &'static str {
        if self.reply.tools.is_empty() { "stop" } else { "tool_calls" }
    }

    fn chunk(&self, delta: Value, finish_reason: Option<&str>) -> Bytes {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]);
        event(&self.envelope("chat.completion.chunk", choices, Value::Null))
    }

    fn envelope(&self, object: &str, choices: Value, usage: Value) -> Value {
        json!({
            "id": "chatcmpl-simulated", "object": object, "created": 1_767_225_600, "model": self.request["model"],
            "service_tier": "default", "system_fingerprint": "fp_simulated", "choices": choices, "usage": usage,
        })
    }

    fn usage(&self) -> Value {
        let words = |value: &Value| content(value).split_whitespace().count();
        let read: usize =
            self.request["messages"].as_array().into_iter().flatten().map(|m| words(&m["content"])).sum();
        let written = tokens(&self.reply.text).len();
        json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}})
    }
}

fn call(n: usize, tool: &ScriptedTool) -> Value {
    json!({"id": format!("call_{}_{n}", tool.name), "type": "function",
        "function": {"name": tool.name, "arguments": arguments(tool)}})
}

/// Arguments as text; none is an empty object.
pub(crate) fn arguments(tool: &ScriptedTool) -> String {
    if tool.arguments.is_null() { "{}".into() } else { tool.arguments.to_string() }
}

/// The first fragment has id and name, the others only pieces of the arguments.
fn tool_deltas(index: usize, tool: &ScriptedTool) -> Vec<Value> {
    let mut first = call(index, tool);
    first["index"] = index.into();
    first["function"]["arguments"] = "".into();
    let arguments: Vec<char> = arguments(tool).chars().collect();
    let rest = arguments
        .chunks(ARGUMENT_CHARS)
        .map(|piece| json!({"index": index, "function": {"arguments": piece.iter().collect::<String>()}}));
    [first].into_iter().chain(rest).collect()
}

/// As some compatible servers send it: without index and id, and at once.
fn whole_call(tool: &ScriptedTool) -> Value {
    json!({"function": {"name": tool.name, "arguments": arguments(tool)}})
}

fn event(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

/// What goes with a failure in the middle of the stream.
pub(crate) fn last_words() -> Value {
    openai_error("server_error", "The server had an error while processing your request. Sorry about that!")
}
