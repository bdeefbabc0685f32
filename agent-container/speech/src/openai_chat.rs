//! OpenAI chat completions, and every endpoint that speaks them: Groq, Azure, vLLM, Ollama, gateways.
//!
//! The types are lenient on purpose: compatible servers leave out indexes, invent finish reasons, send errors
//! inside a 200, repeat names and put a whole tool call into one chunk.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::llm::{
    ChatEvent, ChatMessage, ChatRequest, FinishReason, LlmConfig, Tool, ToolCall, ToolChoice, Usage,
};
use crate::{Endpoint, Fault, FaultKind, Header, HttpRequest, Vendor};

pub(crate) fn request(config: &LlmConfig, chat: &ChatRequest) -> HttpRequest {
    let options = &config.options;
    let mut body = Map::new();
    body.insert("model".into(), config.model.clone().into());
    body.insert("messages".into(), chat.messages.iter().map(message).collect());
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), stream_options(config.vendor));
    if !chat.tools.is_empty() {
        body.insert("tools".into(), chat.tools.iter().map(tool).collect());
        body.insert("tool_choice".into(), tool_choice(&chat.tool_choice));
    }
    if let Some(temperature) = options.temperature {
        body.insert("temperature".into(), rounded(temperature));
    }
    if let Some(max_tokens) = options.max_tokens {
        // `max_tokens` is refused by reasoning models.
        body.insert("max_completion_tokens".into(), max_tokens.into());
    }
    if let Some(effort) = &options.reasoning_effort {
        body.insert("reasoning_effort".into(), effort.clone().into());
    }
    body.extend(options.extra.clone());
    HttpRequest::post_json(
        url(&config.endpoint, config.vendor, "/chat/completions"),
        config.headers(),
        &Value::Object(body),
    )
}

/// The base URL is the SDK's: with `/v1` for OpenAI, without `/openai/v1` for Groq.
pub(crate) fn url(endpoint: &Endpoint, vendor: Vendor, path: &str) -> String {
    let prefix = if vendor == Vendor::Groq { groq_prefix(&endpoint.base_url) } else { "" };
    endpoint.http(&format!("{prefix}{path}"))
}

/// Groq's SDK takes the bare host as base URL; other OpenAI clients need it with the prefix. Both work.
pub(crate) fn groq_prefix(base: &str) -> &'static str {
    let base = base.split('?').next().unwrap_or_default();
    if base.trim_end_matches('/').ends_with("/openai/v1") { "" } else { "/openai/v1" }
}

/// Azure wants `api-key`; everybody else a bearer token.
pub(crate) fn headers(endpoint: &Endpoint) -> Vec<Header> {
    if endpoint.base_url.contains(".azure.com") {
        return vec![Header::secret("api-key", endpoint.key.reveal())];
    }
    vec![Header::bearer(&endpoint.key)]
}

/// Obfuscation pads each chunk; only OpenAI knows the switch.
fn stream_options(vendor: Vendor) -> Value {
    match vendor {
        Vendor::OpenAi => json!({"include_usage": true, "include_obfuscation": false}),
        _ => json!({"include_usage": true}),
    }
}

/// 0.7 as `f32` is 0.699999988 in JSON; three digits are enough for a temperature.
pub(crate) fn rounded(value: f32) -> Value {
    ((f64::from(value) * 1000.0).round() / 1000.0).into()
}

fn message(message: &ChatMessage) -> Value {
    match message {
        ChatMessage::System(text) => json!({"role": "system", "content": text}),
        ChatMessage::User(text) => json!({"role": "user", "content": text}),
        ChatMessage::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        ChatMessage::Assistant { text, tool_calls } => {
            let content = if text.is_empty() { Value::Null } else { text.clone().into() };
            json!({"role": "assistant", "content": content, "tool_calls": tool_calls.iter().map(call).collect::<Value>()})
        }
        ChatMessage::ToolResult { call_id, content, .. } => {
            json!({"role": "tool", "tool_call_id": call_id, "content": content})
        }
    }
}

fn call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

fn tool(tool: &Tool) -> Value {
    json!({"type": "function", "function": {
        "name": tool.name, "description": tool.description, "parameters": tool.parameters,
    }})
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// Reads one stream of chunks.
#[derive(Debug)]
pub(crate) struct OpenAiStream {
    vendor: Vendor,
    calls: Vec<Pending>,
    finish: Option<String>,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
struct Pending {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl OpenAiStream {
    pub(crate) fn new(vendor: Vendor) -> Self {
        Self { vendor, calls: Vec::new(), finish: None, usage: None }
    }

    pub(crate) fn decode(&mut self, data: &str) -> Result<Vec<ChatEvent>, Fault> {
        if data.trim() == "[DONE]" {
            return Ok(self.finish());
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| Fault::malformed(self.vendor, &format!("chunk: {:?}", error.classify())))?;
        if let Some(error) = chunk.error {
            return Err(reported(self.vendor, &error));
        }
        let usage = chunk.usage.or_else(|| chunk.x_groq.and_then(|groq| groq.usage));
        self.usage = usage.map(TokenUsage::read).or(self.usage);
        let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else {
            return Ok(Vec::new());
        };
        let delta = choice.delta.unwrap_or_default();
        for fragment in delta.tool_calls.unwrap_or_default() {
            self.gather(fragment);
        }
        self.finish = choice.finish_reason.filter(|reason| !reason.is_empty()).or(self.finish.take());
        let text = delta.content.or(delta.refusal).filter(|text| !text.is_empty());
        Ok(text.map(ChatEvent::Text).into_iter().collect())
    }

    /// Complete when a finish reason came; some servers leave out `[DONE]`.
    pub(crate) fn end(&mut self) -> Result<Vec<ChatEvent>, Fault> {
        if self.finish.is_none() {
            return Err(Fault::new(self.vendor, FaultKind::Truncated, "", "no finish reason"));
        }
        Ok(self.finish())
    }

    /// Fragments go by index; without one, a new id starts a new call and anything else continues the last.
    fn gather(&mut self, fragment: Fragment) {
        let is_new = |id: &Option<String>| id.as_ref().is_some_and(|id| !id.is_empty());
        let at = match fragment.index {
            Some(index) => self.calls.iter().position(|call| call.index == index),
            None if is_new(&fragment.id) => None,
            None => self.calls.len().checked_sub(1),
        };
        let at = at.unwrap_or_else(|| {
            let index = fragment.index.unwrap_or(self.calls.len() as u64);
            self.calls.push(Pending { index, ..Pending::default() });
            self.calls.len() - 1
        });
        let call = &mut self.calls[at];
        if let Some(id) = fragment.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        let function = fragment.function.unwrap_or_default();
        if let Some(name) = function.name.filter(|name| !name.is_empty() && *name != call.name) {
            call.name.push_str(&name);
        }
        match function.arguments {
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            Some(Value::Null) | None => {}
            // Some servers send the object itself.
            Some(whole) => call.arguments = whole.to_string(),
        }
    }

    fn finish(&mut self) -> Vec<ChatEvent> {
        let mut calls = std::mem::take(&mut self.calls);
        calls.retain(|call| !call.name.is_empty());
        calls.sort_by_key(|call| call.index);
        let reason = match (self.finish.as_deref(), calls.is_empty()) {
            (Some("length"), _) => FinishReason::Length,
            (Some("content_filter"), _) => FinishReason::Filtered,
            (_, false) => FinishReason::ToolCalls,
            (Some("stop" | "tool_calls" | "function_call") | None, true) => FinishReason::Stop,
            (Some(other), true) => FinishReason::Other(other.to_owned()),
        };
        // Arguments cut at the longest length are not worth running.
        let calls = if reason == FinishReason::ToolCalls { calls } else { Vec::new() };
        let calls = calls.into_iter().enumerate().map(|(at, call)| ChatEvent::ToolCall(call.complete(at)));
        calls.chain(self.usage.map(ChatEvent::Usage)).chain([ChatEvent::Done(reason)]).collect()
    }
}

impl Pending {
    fn complete(self, at: usize) -> ToolCall {
        let id = if self.id.is_empty() { format!("call_{at}") } else { self.id };
        ToolCall { id, name: self.name, arguments: self.arguments }
    }
}

fn reported(vendor: Vendor, error: &Value) -> Fault {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = if text("code").is_empty() { text("type") } else { text("code") };
    Fault::reported(vendor, code, error.as_str().unwrap_or(text("message")))
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<TokenUsage>,
    x_groq: Option<XGroq>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Fragment>>,
}

#[derive(Deserialize)]
struct Fragment {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct XGroq {
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
struct TokenUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

impl TokenUsage {
    fn read(self) -> Usage {
        Usage {
            input_tokens: self.prompt_tokens,
            cached_tokens: self.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or(0),
            output_tokens: self.completion_tokens,
        }
    }
}
