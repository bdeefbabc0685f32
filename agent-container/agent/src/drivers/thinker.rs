//! The language model: one task per request, the vendors of the chain one after the other, words as they come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dialogue::{Failure, FailureKind, Input, ThinkEvent, ThinkId, ThinkRequest, ToolSpec, ToolUse};
use futures_util::StreamExt;
use reqwest::Client;
use speech::{ChatEvent, ChatRequest, ChatStream, Fault, FaultKind, LlmConfig, Tool, ToolChoice, Usage};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::chat_messages::chat_messages;
use super::failure::failure;
use super::tasks::Tasks;
use super::vendors::{Kind, Vendors};
use crate::net::http;

/// From the request to the first event of one vendor (conversation.md 3.12: 5 s; vendors.md 9.1: 4 s).
const FIRST_EVENT_WITHIN: Duration = Duration::from_secs(4);
/// Between two pieces of a stream (vendors.md 9.1).
const NEXT_EVENT_WITHIN: Duration = Duration::from_secs(6);

/// Sends requests to the chain and cancels them.
#[derive(Debug)]
pub struct Thinker {
    mind: Arc<Mind>,
    running: BTreeMap<ThinkId, AbortHandle>,
}

#[derive(Debug)]
struct Mind {
    chain: Vec<LlmConfig>,
    tools: Vec<Tool>,
    client: Client,
    inbox: mpsc::Sender<Input>,
    vendors: Vendors,
}

impl Thinker {
    /// A thinker for one call.
    #[must_use]
    pub fn new(
        chain: Vec<LlmConfig>,
        tools: &[ToolSpec],
        client: Client,
        inbox: mpsc::Sender<Input>,
        vendors: Vendors,
    ) -> Self {
        let tools = tools.iter().map(tool).collect();
        Self { mind: Arc::new(Mind { chain, tools, client, inbox, vendors }), running: BTreeMap::new() }
    }

    /// Asks; the answer comes as inputs.
    pub fn think(&mut self, tasks: &mut Tasks, request: ThinkRequest) {
        self.running.retain(|_, task| !task.is_finished());
        let id = request.id;
        let task = tasks.spawn(Arc::clone(&self.mind).think(request));
        self.running.insert(id, task);
    }

    /// Opens a connection to the first vendor, unless there is one.
    pub fn warm_up(&self) -> impl Future<Output = ()> + Send + 'static {
        let mind = Arc::clone(&self.mind);
        async move {
            let Some(config) = mind.chain.first() else { return };
            let asked = http::send(&mind.client, config.vendor, config.warm_up(), FIRST_EVENT_WITHIN).await;
            if let Err(fault) = asked {
                // A real request decides whether the vendor works.
                debug!(%fault, "language model not warmed up");
            }
        }
    }

    /// Drops a request: the vendor sees its stream reset and stops.
    pub fn cancel(&mut self, id: ThinkId) {
        if let Some(task) = self.running.remove(&id) {
            task.abort();
        }
    }
}

impl Mind {
    async fn think(self: Arc<Self>, request: ThinkRequest) {
        let id = request.id;
        let chat = ChatRequest {
            messages: chat_messages(&request.messages),
            tools: self.tools.clone(),
            tool_choice: match request.tools {
                ToolUse::Auto => ToolChoice::Auto,
                ToolUse::None => ToolChoice::None,
            },
        };
        let order = self.vendors.order(Kind::Llm, self.chain.iter().map(|config| config.vendor));
        let skip = usize::from(request.fallback && order.len() > 1);
        let mut last = None;
        for at in order.into_iter().skip(skip) {
            let mut attempt = Attempt { id, inbox: &self.inbox, delivered: false, usage: Usage::default() };
            let config = &self.chain[at];
            match attempt.run(&self.client, config, &chat).await {
                Ok(()) => return self.vendors.worked(Kind::Llm, config.vendor),
                Err(fault) => {
                    warn!(%fault, delivered = attempt.delivered, "language model failed");
                    debug!(detail = fault.detail, "what the language model's vendor said");
                    self.vendors.failed(Kind::Llm, &fault);
                    let delivered = attempt.delivered;
                    last = Some(failure(&fault));
                    // Words the dialogue has cannot be taken back: another vendor would say them again.
                    if delivered {
                        break;
                    }
                }
            }
        }
        let failure =
            last.unwrap_or_else(|| Failure::new(FailureKind::Refused, "no language model configured"));
        let _ = self.inbox.send(Input::Think { id, event: ThinkEvent::Failed(failure) }).await;
    }
}

/// One request to one vendor.
struct Attempt<'a> {
    id: ThinkId,
    inbox: &'a mpsc::Sender<Input>,
    delivered: bool,
    usage: Usage,
}

impl Attempt<'_> {
    async fn run(&mut self, client: &Client, config: &LlmConfig, chat: &ChatRequest) -> Result<(), Fault> {
        let vendor = config.vendor;
        let response = http::send(client, vendor, config.request(chat), FIRST_EVENT_WITHIN).await?;
        let mut body = response.bytes_stream();
        let mut stream = config.stream();
        loop {
            let within = if self.delivered { NEXT_EVENT_WITHIN } else { FIRST_EVENT_WITHIN };
            let stage = if self.delivered { "next_token" } else { "first_token" };
            let piece = timeout(within, body.next()).await.map_err(|_| Fault::timed_out(vendor, stage))?;
            let Some(bytes) = piece else { return self.end(&mut stream, vendor).await };
            let bytes =
                bytes.map_err(|error| Fault::disconnected(vendor, &error.without_url().to_string()))?;
            if self.deliver(stream.push(&bytes)?).await? {
                return Ok(());
            }
        }
    }

    async fn end(&mut self, stream: &mut ChatStream, vendor: speech::Vendor) -> Result<(), Fault> {
        if self.deliver(stream.end()?).await? {
            return Ok(());
        }
        Err(Fault::new(vendor, FaultKind::Truncated, "", "no end of the answer"))
    }

    /// Hands events on; `true` at the end of the answer.
    async fn deliver(&mut self, events: Vec<ChatEvent>) -> Result<bool, Fault> {
        for event in events {
            let event = match event {
                ChatEvent::Text(text) => ThinkEvent::Delta(text),
                ChatEvent::ToolCall(call) => {
                    ThinkEvent::ToolCall { vendor_id: call.id, name: call.name, arguments: call.arguments }
                }
                ChatEvent::Usage(usage) => {
                    self.usage = usage;
                    continue;
                }
                ChatEvent::Done(_) => {
                    self.send(ThinkEvent::Done(tokens(self.usage))).await;
                    return Ok(true);
                }
                ChatEvent::Ignored(why) => {
                    debug!(why, "part of the answer ignored");
                    continue;
                }
            };
            self.delivered = true;
            self.send(event).await;
        }
        Ok(false)
    }

    async fn send(&self, event: ThinkEvent) {
        // A closed inbox means that the call is over and this task about to be dropped.
        let _ = self.inbox.send(Input::Think { id: self.id, event }).await;
    }
}

fn tokens(usage: Usage) -> dialogue::Usage {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    dialogue::Usage {
        input_tokens: narrow(usage.input_tokens),
        cached_tokens: narrow(usage.cached_tokens),
        output_tokens: narrow(usage.output_tokens),
    }
}

fn tool(spec: &ToolSpec) -> Tool {
    Tool {
        name: spec.name.clone(),
        description: spec.description.clone(),
        parameters: spec.parameters.clone(),
    }
}
