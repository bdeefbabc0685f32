//! Tools: those served over HTTP get their arguments as JSON, `schedule_callback` is served here; the answer is
//! handed to the model.

use std::collections::BTreeMap;
use std::time::Duration;

use dialogue::builtin::SCHEDULE_CALLBACK;
use dialogue::{Input, ToolClass, ToolId, ToolResult, ToolRun};
use domain::Tool;
use reqwest::Client;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::warn;

use super::callbacks::Callbacks;
use super::tasks::Tasks;

/// Longest answer handed to the model, in bytes: about 4000 tokens.
const LONGEST_ANSWER: usize = 16 << 10;
/// Header with which a repeated write is recognised (the name most APIs use).
const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// Runs tools and cancels them.
#[derive(Debug)]
pub struct Tools {
    tools: BTreeMap<String, Tool>,
    callbacks: Callbacks,
    client: Client,
    inbox: mpsc::Sender<Input>,
    running: BTreeMap<ToolId, AbortHandle>,
}

impl Tools {
    /// The tools of one call.
    #[must_use]
    pub fn new(
        tools: BTreeMap<String, Tool>,
        callbacks: Callbacks,
        client: Client,
        inbox: mpsc::Sender<Input>,
    ) -> Self {
        Self { tools, callbacks, client, inbox, running: BTreeMap::new() }
    }

    /// Runs one; the result comes as an input.
    pub fn run(&mut self, tasks: &mut Tasks, run: ToolRun) {
        self.running.retain(|_, task| !task.is_finished());
        let (id, inbox) = (run.id, self.inbox.clone());
        let tool = self.tools.get(&run.name).cloned();
        let (client, callbacks) = (self.client.clone(), self.callbacks.clone());
        let task = tasks.spawn(async move {
            let result = match tool {
                Some(tool) => post(&client, &tool, callbacks.call.as_str(), &run).await,
                None if run.name == SCHEDULE_CALLBACK => callbacks.schedule(&run).await,
                None => ToolResult::Error(format!("there is no tool `{}`", run.name)),
            };
            // A closed inbox means that the call is over.
            let _ = inbox.send(Input::Tool { id, result }).await;
        });
        self.running.insert(id, task);
    }

    /// Drops a tool nobody waits for. The dialogue never asks that of one that writes.
    pub fn cancel(&mut self, id: ToolId) {
        if let Some(task) = self.running.remove(&id) {
            task.abort();
        }
    }
}

async fn post(client: &Client, tool: &Tool, call_id: &str, run: &ToolRun) -> ToolResult {
    let within = Duration::from_millis(run.timeout_ms);
    let mut request = client.post(&tool.url).header("x-ringdown-call", call_id).json(&run.arguments);
    if run.class == ToolClass::Write {
        // The dialogue knows its own call only; the service behind the tool serves them all.
        request = request.header(IDEMPOTENCY_HEADER, format!("{call_id}-{}", run.idempotency_key));
    }
    match timeout(within, answer(request)).await {
        Ok(Ok((true, text))) => ToolResult::Ok(text),
        Ok(Ok((false, text))) => ToolResult::Error(text),
        Ok(Err(error)) => {
            warn!(tool = run.name, error = %error.without_url(), "tool not reached");
            ToolResult::Error("the tool cannot be reached".to_owned())
        }
        Err(_) => {
            warn!(tool = run.name, timeout_ms = run.timeout_ms, "tool did not answer in time");
            ToolResult::Error("the tool did not answer in time".to_owned())
        }
    }
}

/// Whether it went well, and the text, cut to what a model should read.
async fn answer(request: reqwest::RequestBuilder) -> Result<(bool, String), reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            body.truncate(LONGEST_ANSWER);
            break;
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() {
        return Ok((true, text));
    }
    warn!(status = status.as_u16(), "tool failed");
    Ok((false, format!("HTTP {}: {text}", status.as_u16())))
}
