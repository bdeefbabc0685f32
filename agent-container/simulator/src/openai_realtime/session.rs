//! One conversation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::response::{Material, Reply};
use super::{SERVICE, error_message};
use crate::behaviour::Behaviour;
use crate::cancel::{Answer, Open};
use crate::listener::{Change, Listener};
use crate::openai_chat::content;
use crate::outlet::{Gone, Outlet};
use crate::reply::{Question, answer};
use crate::sound::{Encoding, Format};
use crate::world::World;

/// Rate of `audio/pcm`.
const RATE: u32 = 24_000;
/// Nothing to wait for.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) struct Session {
    world: Arc<World>,
    behaviour: Behaviour,
    outlet: Outlet,
    config: Value,
    input: Format,
    output: Format,
    listener: Listener,
    /// Speech heard and not yet committed.
    speech: bool,
    said: Option<String>,
    tool_result: Option<String>,
    /// Audio sent of each item of the model, milliseconds; `None` once deleted.
    items: HashMap<String, u64>,
    reply: Option<(Reply, Answer)>,
    count: u64,
    events: u64,
    /// The client's name of its last message; an error about it says so.
    client_event: Value,
}

impl Session {
    pub(super) async fn run(
        world: Arc<World>,
        behaviour: Behaviour,
        socket: WebSocket,
        model: String,
        beta: bool,
    ) -> Result<(), Gone> {
        let _open = Open::begin(&world, SERVICE);
        let (sink, mut stream) = socket.split();
        let (outlet, mut writer) = Outlet::start(&world, SERVICE, &behaviour, sink);
        if beta {
            world.ledger.violation(SERVICE, "beta header");
            let words = "The Realtime Beta API is no longer supported.";
            outlet.send(&error_message("invalid_request_error", "beta_api_shape_disabled", words)).await?;
            outlet.close(4000, "invalid_request_error.beta_api_shape_disabled").await?;
            let _ = writer.await;
            return Ok(());
        }
        let mut session = Self::new(world, behaviour, outlet, &model);
        session.tell(json!({"type": "session.created", "session": session.config})).await?;
        loop {
            let due = session.reply.as_ref().and_then(|(reply, _)| reply.planned.front());
            let due = due.map_or_else(|| Instant::now() + IDLE, |planned| planned.due);
            tokio::select! {
                message = stream.try_next() => match message {
                    Ok(Some(Message::Text(text))) => session.hear(&text).await?,
                    Ok(Some(Message::Close(_)) | None) | Err(_) => return Ok(()),
                    Ok(Some(_)) => {}
                },
                _ = &mut writer => return Ok(()),
                () = tokio::time::sleep_until(due) => session.go_on().await?,
            }
        }
    }

    fn new(world: Arc<World>, behaviour: Behaviour, outlet: Outlet, model: &str) -> Self {
        let format = Format::new(Encoding::Linear16, RATE);
        Self {
            listener: Listener::new(RATE, world.script.clone()),
            world,
            behaviour,
            outlet,
            config: default_config(model),
            input: format,
            output: format,
            speech: false,
            said: None,
            tool_result: None,
            items: HashMap::new(),
            reply: None,
            count: 0,
            events: 0,
            client_event: Value::Null,
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        self.client_event = message["event_id"].clone();
        match message["type"].as_str().unwrap_or_default() {
            "session.update" => self.update(&message["session"]).await?,
            "input_audio_buffer.append" => {
                match STANDARD.decode(message["audio"].as_str().unwrap_or_default()) {
                    Ok(bytes) => self.listen(&self.input.decode(&bytes)).await?,
                    Err(_) => self.complain("invalid_value", "Invalid 'audio': not base64.").await?,
                }
            }
            "input_audio_buffer.commit" => self.commit().await?,
            "input_audio_buffer.clear" => self.tell(json!({"type": "input_audio_buffer.cleared"})).await?,
            "conversation.item.create" => self.create(&message["item"]).await?,
            "conversation.item.truncate" => self.truncate(&message).await?,
            "conversation.item.delete" => self.delete(&message).await?,
            "response.create" if self.reply.is_some() => {
                let words = "Conversation already has an active response in progress.";
                self.complain("conversation_already_has_active_response", words).await?;
            }
            "response.create" => {
                self.respond(message["response"]["instructions"].as_str().map(str::to_owned)).await?
            }
            "response.cancel" if self.reply.is_some() => self.cancel("client_cancelled").await?,
            "response.cancel" => {
                self.complain("response_cancel_not_active", "Cancellation failed: no active response found")
                    .await?;
            }
            other => {
                self.world.ledger.violation(SERVICE, format!("unknown event {other}"));
                self.complain("invalid_value", "Invalid value: unknown event type.").await?;
            }
        }
        Ok(())
    }

    async fn update(&mut self, session: &Value) -> Result<(), Gone> {
        if session["type"] != "realtime" {
            self.world.ledger.violation(SERVICE, "session.update without type");
            return self
                .complain("missing_required_parameter", "Missing required parameter: 'session.type'.")
                .await;
        }
        let formats =
            [&session["audio"]["input"]["format"], &session["audio"]["output"]["format"]].map(format);
        let [Ok(input), Ok(output)] = formats else {
            return self.complain("invalid_value", "Invalid audio format: pcm at 24000, pcmu or pcma.").await;
        };
        if let Some(input) = input.filter(|input| *input != self.input) {
            self.input = input;
            self.listener = Listener::new(input.sample_rate, self.world.script.clone());
        }
        self.output = output.unwrap_or(self.output);
        merge(&mut self.config, session);
        self.world.ledger.request(SERVICE, json!({"session": session}));
        self.tell(json!({"type": "session.updated", "session": self.config})).await
    }

    async fn listen(&mut self, samples: &[i16]) -> Result<(), Gone> {
        for step in samples.chunks(self.input.sample_rate as usize / 100) {
            self.step(step).await?;
        }
        Ok(())
    }

    async fn step(&mut self, samples: &[i16]) -> Result<(), Gone> {
        let detects = !self.detection().is_null();
        for change in self.listener.hear(samples) {
            if let Change::Started { at_ms } = change
                && detects
                && !self.speech
            {
                self.speech = true;
                let item = self.caller_item();
                self.tell(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": at_ms, "item_id": item}))
                    .await?;
                if self.reply.is_some() && self.detection()["interrupt_response"] != false {
                    self.cancel("turn_detected").await?;
                }
            }
        }
        // A model that understands waits longer in the middle of a line.
        let patience_ms = match self.detection()["type"].as_str() {
            Some("semantic_vad") if self.listener.line_done() => 300,
            Some("semantic_vad") => 2000,
            _ => self.detection()["silence_duration_ms"].as_u64().unwrap_or(500),
        };
        if detects && self.speech && self.listener.silence_ms() >= patience_ms.max(1) {
            let (item, end_ms) = (self.caller_item(), self.listener.now_ms());
            self.tell(
                json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end_ms, "item_id": item}),
            )
            .await?;
            self.commit().await?;
            if self.detection()["create_response"] != false {
                self.respond(None).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Gone> {
        let words: Vec<_> = self.listener.take(usize::MAX).into_iter().map(|word| word.text).collect();
        if words.is_empty() && !self.speech {
            let words = "Error committing input audio buffer: buffer too small.";
            return self.complain("input_audio_buffer_commit_empty", words).await;
        }
        let item = self.caller_item();
        self.count += 1;
        self.speech = false;
        self.tell(json!({"type": "input_audio_buffer.committed", "previous_item_id": null, "item_id": item}))
            .await?;
        let content = json!([{"type": "input_audio", "transcript": null}]);
        let whole = json!({"id": item, "object": "realtime.item", "type": "message", "status": "completed", "role": "user", "content": content});
        self.tell(json!({"type": "conversation.item.added", "previous_item_id": null, "item": whole}))
            .await?;
        self.tell(json!({"type": "conversation.item.done", "previous_item_id": null, "item": whole})).await?;
        let said = words.join(" ");
        if !self.config["audio"]["input"]["transcription"].is_null() {
            let name = "conversation.item.input_audio_transcription";
            self.tell(
                json!({"type": format!("{name}.delta"), "item_id": item, "content_index": 0, "delta": said}),
            )
            .await?;
            self.tell(json!({"type": format!("{name}.completed"), "item_id": item, "content_index": 0,
                "transcript": said, "usage": {"type": "duration", "seconds": 1}}))
                .await?;
        }
        self.said = Some(said);
        self.tool_result = None;
        Ok(())
    }

    async fn respond(&mut self, instructions: Option<String>) -> Result<(), Gone> {
        self.count += 1;
        let mut answer = match instructions.as_deref().and_then(quoted) {
            Some(text) => crate::reply::Answer { text: text.to_owned(), tools: Vec::new() },
            None => answer(&self.world.script, &self.question()),
        };
        if answer.text.is_empty() && answer.tools.is_empty() {
            answer.text = "I see.".to_owned();
        }
        let samples = self.world.voice.speak(&answer.text, self.output.sample_rate, 1.0).await;
        let samples = samples.unwrap_or_else(|error| {
            tracing::error!(service = ?SERVICE, %error, "cannot speak");
            [].into()
        });
        let material = Material {
            number: self.count,
            answer,
            samples: samples.to_vec(),
            format: self.output,
            delay: Duration::from_millis(self.behaviour.first_ms()),
            rate: self.behaviour.rate(),
        };
        self.reply = Some((Reply::plan(&material), Answer::begin(&self.world, SERVICE)));
        Ok(())
    }

    fn question(&self) -> Question {
        let tools = self.config["tools"].as_array().into_iter().flatten();
        Question {
            said: self.said.clone(),
            tool_result: self.tool_result.clone(),
            offered: tools.filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect(),
        }
    }

    /// Sends what is due.
    async fn go_on(&mut self) -> Result<(), Gone> {
        let Some((reply, _)) = &mut self.reply else { return Ok(()) };
        let item = reply.item.clone();
        let planned = reply.planned.pop_front();
        if reply.planned.is_empty() {
            self.reply.take().into_iter().for_each(|(_, answer)| answer.complete());
        }
        let Some(planned) = planned else { return Ok(()) };
        if planned.event["type"] == "conversation.item.added" || planned.audio_ms > 0 {
            *self.items.entry(item).or_default() += planned.audio_ms;
        }
        self.tell(planned.event).await
    }

    async fn cancel(&mut self, reason: &str) -> Result<(), Gone> {
        let Some((mut reply, answer)) = self.reply.take() else { return Ok(()) };
        drop(answer);
        reply.output.clear();
        let details = json!({"type": "cancelled", "reason": reason});
        let done = json!({"type": "response.done", "response": reply.response("cancelled", details)});
        self.tell(done).await
    }

    async fn truncate(&mut self, message: &Value) -> Result<(), Gone> {
        let (item, end_ms) =
            (message["item_id"].as_str().unwrap_or_default(), message["audio_end_ms"].as_u64());
        let end_ms = end_ms.unwrap_or(0);
        match self.items.get(item).copied() {
            None => self.complain("invalid_value", "Item with item_id not found.").await,
            Some(_) if end_ms == 0 => {
                self.complain("unsupported_content_type", "Only model output audio messages can be truncated")
                    .await
            }
            Some(audio_ms) if end_ms > audio_ms => {
                self.world.ledger.violation(SERVICE, "truncated beyond the audio sent");
                let words = format!("Audio content of {audio_ms}ms is already shorter than {end_ms}ms");
                self.complain("invalid_value", &words).await
            }
            Some(_) => {
                self.items.insert(item.to_owned(), end_ms);
                self.tell(json!({"type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": end_ms}))
                    .await
            }
        }
    }

    async fn delete(&mut self, message: &Value) -> Result<(), Gone> {
        let item = message["item_id"].as_str().unwrap_or_default();
        if self.items.remove(item).is_none() {
            return self.complain("invalid_value", "Item with item_id not found.").await;
        }
        self.tell(json!({"type": "conversation.item.deleted", "item_id": item})).await
    }

    async fn create(&mut self, item: &Value) -> Result<(), Gone> {
        match (item["type"].as_str(), item["role"].as_str()) {
            (Some("function_call_output"), _) => {
                self.tool_result = item["output"].as_str().map(str::to_owned)
            }
            (Some("message"), Some("user")) => {
                self.said = Some(content(&item["content"]));
                self.tool_result = None;
            }
            _ => {}
        }
        self.count += 1;
        let mut whole = item.clone();
        whole["object"] = "realtime.item".into();
        whole["status"] = "completed".into();
        if whole["id"].is_null() {
            whole["id"] = format!("item_created_{}", self.count).into();
        }
        self.tell(json!({"type": "conversation.item.added", "previous_item_id": null, "item": whole}))
            .await?;
        self.tell(json!({"type": "conversation.item.done", "previous_item_id": null, "item": whole})).await
    }

    fn detection(&self) -> &Value {
        &self.config["audio"]["input"]["turn_detection"]
    }

    fn caller_item(&self) -> String {
        format!("item_caller_{}", self.count)
    }

    async fn complain(&mut self, code: &str, message: &str) -> Result<(), Gone> {
        let mut error = error_message("invalid_request_error", code, message);
        error["error"]["event_id"] = self.client_event.clone();
        self.tell(error).await
    }

    async fn tell(&mut self, mut event: Value) -> Result<(), Gone> {
        self.events += 1;
        event["event_id"] = format!("event_{}", self.events).into();
        self.outlet.send(&event).await
    }
}

fn default_config(model: &str) -> Value {
    let format = json!({"type": "audio/pcm", "rate": RATE});
    json!({
        "type": "realtime", "object": "realtime.session", "id": "sess_simulated", "model": model,
        "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
        "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null, "expires_at": 1_893_456_000,
        "include": null,
        "audio": {
            "input": {"format": format, "transcription": null, "noise_reduction": null, "turn_detection":
                {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
                    "idle_timeout_ms": null, "create_response": true, "interrupt_response": true}},
            "output": {"format": format, "voice": "alloy", "speed": 1.0},
        },
    })
}

/// Absent fields stay, objects are merged, everything else replaces.
fn merge(old: &mut Value, new: &Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new))
            if !new.contains_key("type") || old.get("type") == new.get("type") =>
        {
            for (name, value) in new {
                merge(old.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new.clone(),
    }
}

fn format(value: &Value) -> Result<Option<Format>, ()> {
    match value["type"].as_str() {
        None => Ok(None),
        Some("audio/pcm") if value["rate"] == RATE => Ok(Some(Format::new(Encoding::Linear16, RATE))),
        Some("audio/pcmu") => Ok(Some(Format::new(Encoding::Mulaw, 8000))),
        Some("audio/pcma") => Ok(Some(Format::new(Encoding::Alaw, 8000))),
        Some(_) => Err(()),
    }
}

/// Words in double quotes: instructions that say what to say.
fn quoted(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('"')?;
    rest.rsplit_once('"').map(|(words, _)| words).filter(|words| !words.is_empty())
}
