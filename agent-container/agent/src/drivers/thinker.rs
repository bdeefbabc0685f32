//! The language model: one task per request, the vendors of the chain one after the other, words as they come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dialogue::{Failure, FailureKind, Input, ThinkEvent, ThinkId, ThinkRequest, ToolSpec, ToolUse};
use futures_util::StreamExt;
use reqwest::Client;
use speech::{
    ChatEvent, ChatRequest, ChatStream, Delivered, Fault, FaultKind, Kind, LlmConfig, Next, Tool, ToolChoice,
    Usage, Vendor,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, warn};

use super::chat_messages::chat_messages;
use super::failure::failure;
use super::tasks::Tasks;
use super::vendors::{Place, Vendors};
use crate::net::http;

/// Sends requests to the chain and cancels them.
#[derive(Debug)]
pub struct Thinker {
    mind: Arc<Mind>,
    running: BTreeMap<ThinkId, AbortHandle>,
}

#[derive(Debug)]
struct Mind {
    chain: Vec<LlmConfig>,
    places: Vec<Place>,
    tools: Vec<Tool>,
    client: Client,
    inbox: mpsc::Sender<Input>,
    vendors: Vendors,
    /// Who was asked last: whoever makes the dialogue lose patience.
    asked: AtomicUsize,
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
        let (tools, places) = (tools.iter().map(tool).collect(), Place::of_llm(&chain));
        let mind = Mind { chain, places, tools, client, inbox, vendors, asked: AtomicUsize::new(0) };
        Self { mind: Arc::new(mind), running: BTreeMap::new() }
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
            let within = Kind::Llm.deadlines().first;
            let asked = http::send(&mind.client, config.vendor, config.warm_up(), within).await;
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
        let chat = ChatRequest {
            messages: chat_messages(&request.messages),
            tools: self.tools.clone(),
            tool_choice: match request.tools {
                ToolUse::Auto => ToolChoice::Auto,
                ToolUse::None => ToolChoice::None,
            },
        };
        self.probe(&chat);
        let failure = match self.ask(&request, &chat).await {
            Ok(()) => return,
            Err(Some(fault)) => failure(&fault),
            Err(None) => Failure::new(FailureKind::Refused, "no language model configured"),
        };
        let event = ThinkEvent::Failed(failure);
        let _ = self.inbox.send(Input::Think { id: request.id, event }).await;
    }

    /// Asks one vendor after the other; the last fault when none answered whole.
    async fn ask(&self, request: &ThinkRequest, chat: &ChatRequest) -> Result<(), Option<Fault>> {
        let slow = request.fallback.then(|| self.asked.load(Relaxed));
        let mut chain = self.vendors.attempt(Kind::Llm, &self.places, slow).ok_or(None)?;
        loop {
            let at = chain.vendor();
            self.asked.store(at, Relaxed);
            let mut asking = Asking::new(Some((request.id, &self.inbox)));
            let Err(fault) = asking.run(&self.client, &self.chain[at], chat).await else {
                self.vendors.worked(Kind::Llm, &self.places[at]);
                return Ok(());
            };
            warn!(%fault, delivered = asking.delivered, "language model failed");
            debug!(detail = fault.detail, "what the language model's vendor said");
            self.vendors.failed(Kind::Llm, &self.places[at], &fault);
            let delivered = if asking.delivered { Delivered::Some } else { Delivered::Nothing };
            match chain.failed(&fault, delivered) {
                Next::Other { .. } => {}
                Next::Again { after, .. } => sleep(after).await,
                // Words the dialogue has cannot be taken back: another vendor would say them again.
                Next::KeepPartial | Next::GiveUp => return Err(Some(fault)),
            }
        }
    }

    /// Asks vendors that are passed over the same, behind the scenes: an answer brings them back.
    fn probe(self: &Arc<Self>, chat: &ChatRequest) {
        for at in self.vendors.probes_due(Kind::Llm, &self.places) {
            let (mind, chat) = (Arc::clone(self), chat.clone());
            // Not one of the call's tasks: it may outlive the call, and has its own deadlines.
            tokio::spawn(async move {
                match Asking::new(None).run(&mind.client, &mind.chain[at], &chat).await {
                    Ok(()) => mind.vendors.worked(Kind::Llm, &mind.places[at]),
                    Err(fault) => mind.vendors.failed(Kind::Llm, &mind.places[at], &fault),
                }
            });
        }
    }
}

/// One request to one vendor.
struct Asking<'a> {
    /// Who hears the answer; a probe has nobody, and its first event is enough.
    listener: Option<(ThinkId, &'a mpsc::Sender<Input>)>,
    delivered: bool,
    usage: Usage,
}

impl<'a> Asking<'a> {
    fn new(listener: Option<(ThinkId, &'a mpsc::Sender<Input>)>) -> Self {
        Self { listener, delivered: false, usage: Usage::default() }
    }

    async fn run(&mut self, client: &Client, config: &LlmConfig, chat: &ChatRequest) -> Result<(), Fault> {
        let (vendor, deadlines) = (config.vendor, Kind::Llm.deadlines());
        let mut until = Instant::now() + deadlines.first;
        let response = http::send(client, vendor, config.request(chat), deadlines.first).await?;
        let mut body = response.bytes_stream();
        let mut stream = config.stream();
        loop {
            let stage = if self.delivered { "next_token" } else { "first_token" };
            let piece = timeout_at(until, body.next()).await.map_err(|_| Fault::timed_out(vendor, stage))?;
            let Some(bytes) = piece else { return self.end(&mut stream, vendor).await };
            let bytes =
                bytes.map_err(|error| Fault::disconnected(vendor, &error.without_url().to_string()))?;
            let events = stream.push(&bytes)?;
            // Pings are no words: they move no deadline.
            if events.iter().any(|event| !matches!(event, ChatEvent::Ignored(_) | ChatEvent::Usage(_))) {
                until = Instant::now() + deadlines.between;
            }
            if self.deliver(events).await {
                return Ok(());
            }
        }
    }

    async fn end(&mut self, stream: &mut ChatStream, vendor: Vendor) -> Result<(), Fault> {
        if self.deliver(stream.end()?).await {
            return Ok(());
        }
        Err(Fault::new(vendor, FaultKind::Truncated, "", "no end of the answer"))
    }

    /// Hands events on; `true` at the end of the answer.
    async fn deliver(&mut self, events: Vec<ChatEvent>) -> bool {
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
                    return true;
                }
                ChatEvent::Ignored(why) => {
                    debug!(why, "part of the answer ignored");
                    continue;
                }
            };
            self.delivered = true;
            if self.listener.is_none() {
                return true;
            }
            self.send(event).await;
        }
        false
    }

    async fn send(&self, event: ThinkEvent) {
        if let Some((id, inbox)) = self.listener {
            // A closed inbox means that the call is over and this task about to be dropped.
            let _ = inbox.send(Input::Think { id, event }).await;
        }
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
