//! Language models: one request and one stream of events for all of them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::anthropic::{self, AnthropicStream};
use crate::openai_chat::{self, OpenAiStream};
use crate::{Endpoint, Fault, FaultKind, HttpRequest, Method, SseEvent, SseReader, Vendor};

/// What the agent's configuration says about the language model.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmConfig {
    /// Protocol: [`Vendor::OpenAi`] (and all compatible endpoints), [`Vendor::Groq`] or [`Vendor::Anthropic`].
    pub vendor: Vendor,
    /// Address and key.
    pub endpoint: Endpoint,
    /// Vendor's model name.
    pub model: String,
    /// The rest.
    pub options: LlmOptions,
}

/// Settings of a model. Absent ones are not sent: reasoning models refuse some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LlmOptions {
    /// Randomness.
    pub temperature: Option<f32>,
    /// Longest reply, tokens. Anthropic demands one.
    pub max_tokens: Option<u32>,
    /// `none`, `low`, …: reasoning costs the caller seconds of silence.
    pub reasoning_effort: Option<String>,
    /// Further fields of the body in the vendor's words; they win over ours of the same name.
    pub extra: Map<String, Value>,
}

/// A conversation to continue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
    /// Functions the model may ask for.
    pub tools: Vec<Tool>,
    /// Whether it must, may or must not.
    pub tool_choice: ToolChoice,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatMessage {
    /// Instructions.
    System(String),
    /// The caller's words.
    User(String),
    /// The agent's words and the tools it asked for.
    Assistant {
        /// Words; may be empty beside tool calls.
        text: String,
        /// Tools asked for.
        tool_calls: Vec<ToolCall>,
    },
    /// Answer to one tool call; all answers come right after the message that asked.
    ToolResult {
        /// [`ToolCall::id`].
        call_id: String,
        /// What the tool said.
        content: String,
        /// Whether it failed.
        is_error: bool,
    },
}

/// A function the model may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Name, `[A-Za-z0-9_-]`, at most 64 characters.
    pub name: String,
    /// When to use it, for the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// Whether tools are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// Never.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// A complete request for a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Vendor's id, to answer with; made up (`call_0`, …) when the vendor gave none.
    pub id: String,
    /// Tool's name.
    pub name: String,
    /// Arguments as the model wrote them; usually but not always JSON, see [`Self::arguments`].
    pub arguments: String,
}

impl ToolCall {
    /// Arguments parsed; empty text is `{}`.
    ///
    /// # Errors
    /// When the model wrote no JSON object: tell it so in a failed [`ChatMessage::ToolResult`].
    pub fn arguments(&self) -> Result<Map<String, Value>, serde_json::Error> {
        if self.arguments.trim().is_empty() { Ok(Map::new()) } else { serde_json::from_str(&self.arguments) }
    }
}

/// What a stream says.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEvent {
    /// The next piece of the reply, in order, spaces included.
    Text(String),
    /// A complete tool call.
    ToolCall(ToolCall),
    /// Tokens used; absent when the stream was cancelled.
    Usage(Usage),
    /// The reply is over.
    Done(FinishReason),
    /// Something without meaning for the call, with the reason.
    Ignored(String),
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Of those, from the vendor's cache.
    pub cached_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
}

/// Why the reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// Said everything.
    Stop,
    /// Wants tools; they came as [`ChatEvent::ToolCall`].
    ToolCalls,
    /// Cut at the longest length.
    Length,
    /// Refused or filtered by the vendor.
    Filtered,
    /// Anything else, in the vendor's words.
    Other(String),
}

enum Protocol {
    Messages,
    Completions,
}

impl LlmConfig {
    /// The request for a streamed reply. To cancel, drop the response: the vendor stops at the reset stream.
    pub fn request(&self, chat: &ChatRequest) -> HttpRequest {
        match self.protocol() {
            Protocol::Messages => anthropic::request(self, chat),
            Protocol::Completions => openai_chat::request(self, chat),
        }
    }

    /// Reads the answer to one request.
    pub fn stream(&self) -> ChatStream {
        let decoder = match self.protocol() {
            Protocol::Messages => Decoder::Anthropic(AnthropicStream::default()),
            Protocol::Completions => Decoder::OpenAi(OpenAiStream::new(self.vendor)),
        };
        ChatStream { vendor: self.vendor, sse: SseReader::new(), decoder, done: false }
    }

    /// A refused request. `headers` are name and value pairs of the response.
    pub fn refused(&self, status: u16, headers: &[(String, String)], body: &[u8]) -> Fault {
        Fault::from_response(self.vendor, status, headers, body)
    }

    /// A cheap request that opens or keeps a connection.
    pub fn warm_up(&self) -> HttpRequest {
        let url = match self.protocol() {
            Protocol::Messages => self.endpoint.http("/v1/models"),
            Protocol::Completions => openai_chat::url(&self.endpoint, self.vendor, "/models"),
        };
        HttpRequest { method: Method::Get, url, headers: self.headers(), body: Default::default() }
    }

    pub(crate) fn headers(&self) -> Vec<crate::Header> {
        match self.protocol() {
            Protocol::Messages => anthropic::headers(&self.endpoint),
            Protocol::Completions => openai_chat::headers(&self.endpoint),
        }
    }

    /// Everybody but Anthropic who offers a model offers it by OpenAI's protocol.
    fn protocol(&self) -> Protocol {
        match self.vendor {
            Vendor::Anthropic => Protocol::Messages,
            Vendor::OpenAi | Vendor::Groq | Vendor::Deepgram | Vendor::ElevenLabs | Vendor::AssemblyAi => {
                Protocol::Completions
            }
        }
    }
}

/// Reads one streamed reply.
#[derive(Debug)]
pub struct ChatStream {
    vendor: Vendor,
    sse: SseReader,
    decoder: Decoder,
    done: bool,
}

#[derive(Debug)]
enum Decoder {
    OpenAi(OpenAiStream),
    Anthropic(AnthropicStream),
}

impl ChatStream {
    /// The next bytes of the response body.
    ///
    /// # Errors
    /// When the vendor reported an error inside the stream, or wrote something unreadable: words would be missing.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<ChatEvent>, Fault> {
        let events = self.sse.push(bytes);
        if self.sse.overflown() {
            return Err(Fault::new(self.vendor, FaultKind::Oversize, "", "event too long"));
        }
        let mut out = Vec::new();
        for event in events {
            out.extend(self.decode(&event)?);
        }
        Ok(out)
    }

    /// One event, for who reads events elsewhere.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn decode(&mut self, event: &SseEvent) -> Result<Vec<ChatEvent>, Fault> {
        if self.done {
            return Ok(vec![ChatEvent::Ignored("after the end".to_owned())]);
        }
        let events = match &mut self.decoder {
            Decoder::OpenAi(decoder) => decoder.decode(&event.data)?,
            Decoder::Anthropic(decoder) => decoder.decode(event)?,
        };
        self.done = events.iter().any(|event| matches!(event, ChatEvent::Done(_)));
        Ok(events)
    }

    /// The response body ended. Gives the [`ChatEvent::Done`] that servers without an end mark leave out.
    ///
    /// # Errors
    /// [`FaultKind::Truncated`] when the reply was not complete.
    pub fn end(&mut self) -> Result<Vec<ChatEvent>, Fault> {
        if self.done {
            return Ok(Vec::new());
        }
        self.done = true;
        match &mut self.decoder {
            Decoder::OpenAi(decoder) => decoder.end(),
            Decoder::Anthropic(decoder) => decoder.end(),
        }
    }
}
