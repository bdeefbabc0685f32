//! Anthropic Messages.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::llm::{
    ChatEvent, ChatMessage, ChatRequest, FinishReason, LlmConfig, Tool, ToolCall, ToolChoice, Usage,
};
use crate::openai_chat::rounded;
use crate::{Endpoint, Fault, FaultKind, Header, HttpRequest, SseEvent, Vendor};

/// The vendor demands a limit. A spoken reply of this length lasts minutes.
const MAX_TOKENS: u32 = 1024;
/// The only version there is.
const VERSION: &str = "2023-06-01";
/// Roles must alternate and begin with the user; the agent's greeting is put behind this.
const BEGIN: &str = "(The call begins.)";

pub(crate) fn request(config: &LlmConfig, chat: &ChatRequest) -> HttpRequest {
    let options = &config.options;
    let mut body = Map::new();
    body.insert("model".into(), config.model.clone().into());
    body.insert("max_tokens".into(), options.max_tokens.unwrap_or(MAX_TOKENS).into());
    body.insert("stream".into(), true.into());
    let system = system(&chat.messages);
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    body.insert("messages".into(), messages(&chat.messages));
    if !chat.tools.is_empty() {
        body.insert("tools".into(), chat.tools.iter().map(tool).collect());
        body.insert("tool_choice".into(), tool_choice(&chat.tool_choice));
    }
    if let Some(temperature) = options.temperature {
        body.insert("temperature".into(), rounded(temperature));
    }
    body.extend(options.extra.clone());
    HttpRequest::post_json(config.endpoint.http("/v1/messages"), config.headers(), &Value::Object(body))
}

pub(crate) fn headers(endpoint: &Endpoint) -> Vec<Header> {
    vec![Header::secret("x-api-key", endpoint.key.reveal()), Header::new("anthropic-version", VERSION)]
}

fn system(messages: &[ChatMessage]) -> String {
    let texts = messages.iter().filter_map(|message| match message {
        ChatMessage::System(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// Neighbours of one role become one message: roles must alternate, and all tool results belong into one message,
/// before any words of the caller.
fn messages(messages: &[ChatMessage]) -> Value {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message {
            ChatMessage::System(_) => continue,
            ChatMessage::User(words) => ("user", text(words).into_iter().collect()),
            ChatMessage::Assistant { text: words, tool_calls } => (
                "assistant",
                text(words).into_iter().chain(tool_calls.iter().map(tool_use)).collect::<Vec<_>>(),
            ),
            ChatMessage::ToolResult { call_id, content, is_error } => (
                "user",
                vec![
                    json!({"type": "tool_result", "tool_use_id": call_id, "content": content, "is_error": is_error}),
                ],
            ),
        };
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, together)) if *last == role => together.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    if turns.first().is_none_or(|(role, _)| *role == "assistant") {
        turns.insert(0, ("user", text(BEGIN).into_iter().collect()));
    }
    for (_, blocks) in &mut turns {
        blocks.sort_by_key(|block| block["type"] != "tool_result");
    }
    turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

/// Empty blocks are refused.
fn text(words: &str) -> Option<Value> {
    (!words.trim().is_empty()).then(|| json!({"type": "text", "text": words}))
}

fn tool_use(call: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments().unwrap_or_default()})
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
    }
}

/// Reads one stream of events.
#[derive(Debug, Default)]
pub(crate) struct AnthropicStream {
    call: Option<(u64, ToolCall)>,
    usage: Usage,
    reason: Option<String>,
    called: bool,
}

impl AnthropicStream {
    pub(crate) fn decode(&mut self, event: &SseEvent) -> Result<Vec<ChatEvent>, Fault> {
        let message: Event = serde_json::from_str(&event.data).map_err(|error| {
            Fault::malformed(Vendor::Anthropic, &format!("event: {:?}", error.classify()))
        })?;
        Ok(match message {
            Event::MessageStart { message } => {
                self.count(message.usage);
                Vec::new()
            }
            Event::ContentBlockStart { index, content_block: Block::ToolUse { id, name } } => {
                self.call = Some((index, ToolCall { id, name, arguments: String::new() }));
                Vec::new()
            }
            Event::ContentBlockStart { content_block: Block::Text { text }, .. } => said(text),
            Event::ContentBlockDelta { delta: Piece::TextDelta { text }, .. } => said(text),
            Event::ContentBlockDelta { index, delta: Piece::InputJsonDelta { partial_json } } => {
                if let Some((_, call)) = self.call.as_mut().filter(|(at, _)| *at == index) {
                    call.arguments.push_str(&partial_json);
                }
                Vec::new()
            }
            Event::ContentBlockStop { index } => {
                let call = self.call.take_if(|(at, _)| *at == index);
                self.called |= call.is_some();
                call.map(|(_, call)| ChatEvent::ToolCall(call)).into_iter().collect()
            }
            Event::MessageDelta { delta, usage } => {
                self.count(usage);
                self.reason = delta.stop_reason.or(self.reason.take());
                Vec::new()
            }
            Event::MessageStop => self.finish(),
            Event::Error { error } => {
                return Err(Fault::reported(Vendor::Anthropic, &error.kind, &error.message));
            }
            Event::ContentBlockStart { .. } | Event::ContentBlockDelta { .. } | Event::Other => {
                vec![ChatEvent::Ignored("event without words".to_owned())]
            }
        })
    }

    /// Without `message_stop` the reply was cut.
    pub(crate) fn end(&mut self) -> Result<Vec<ChatEvent>, Fault> {
        Err(Fault::new(Vendor::Anthropic, FaultKind::Truncated, "", "no message_stop"))
    }

    /// Numbers are cumulative: the last of each kind counts. Cached tokens are counted beside the others.
    fn count(&mut self, usage: Option<TokenUsage>) {
        let Some(usage) = usage else { return };
        if let Some(input) = usage.input_tokens {
            self.usage.cached_tokens = usage.cache_read_input_tokens.unwrap_or(0);
            let written = usage.cache_creation_input_tokens.unwrap_or(0);
            self.usage.input_tokens = input.saturating_add(self.usage.cached_tokens).saturating_add(written);
        }
        self.usage.output_tokens = usage.output_tokens.unwrap_or(self.usage.output_tokens);
    }

    fn finish(&mut self) -> Vec<ChatEvent> {
        let reason = match self.reason.take().as_deref() {
            Some("tool_use") => FinishReason::ToolCalls,
            Some("end_turn" | "stop_sequence") | None if self.called => FinishReason::ToolCalls,
            Some("end_turn" | "stop_sequence") | None => FinishReason::Stop,
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("refusal") => FinishReason::Filtered,
            Some(other) => FinishReason::Other(other.to_owned()),
        };
        vec![ChatEvent::Usage(self.usage), ChatEvent::Done(reason)]
    }
}

fn said(text: String) -> Vec<ChatEvent> {
    if text.is_empty() { Vec::new() } else { vec![ChatEvent::Text(text)] }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block,
    },
    ContentBlockDelta {
        index: u64,
        delta: Piece,
    },
    ContentBlockStop {
        index: u64,
    },
    MessageDelta {
        delta: Stop,
        usage: Option<TokenUsage>,
    },
    MessageStop,
    Error {
        error: Reported,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    TextDelta {
        text: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Stop {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Reported {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct TokenUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}
