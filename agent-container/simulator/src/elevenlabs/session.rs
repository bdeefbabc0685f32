//! One WebSocket with its contexts.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::context::{Job, Speaker};
use super::settings::Settings;
use super::{SERVICE, last_words};
use crate::behaviour::Behaviour;
use crate::cancel::{Answer, Open};
use crate::outlet::{Gone, Outlet};
use crate::world::World;

/// The next context ends the socket.
const MOST_CONTEXTS: usize = 5;
/// Texts waiting to be spoken in one context.
const QUEUE: usize = 256;

/// One connection.
pub(crate) struct Session {
    world: Arc<World>,
    settings: Settings,
    behaviour: Behaviour,
    outlet: Outlet,
    contexts: HashMap<Option<String>, Context>,
    gone: mpsc::Sender<Option<String>>,
    last_input: Instant,
}

struct Context {
    jobs: mpsc::Sender<Job>,
    gathered: String,
    generations: usize,
    settings: Value,
    closing: bool,
    flushed: bool,
    last_input: Instant,
}

/// Why a socket ends early: error code and words.
struct Fatal(&'static str, String);

impl Session {
    pub(crate) async fn run(
        world: Arc<World>,
        settings: Settings,
        behaviour: Behaviour,
        socket: WebSocket,
    ) -> Result<(), Gone> {
        let _open = Open::begin(&world, SERVICE);
        let (sink, mut stream) = socket.split();
        let (outlet, mut writer) = Outlet::start(&world, SERVICE, &behaviour, sink);
        let (gone, mut ended) = mpsc::channel(QUEUE);
        let contexts = HashMap::new();
        let last_input = Instant::now();
        let mut session = Self { world, settings, behaviour, outlet, contexts, gone, last_input };
        loop {
            let done = tokio::select! {
                message = stream.try_next() => match message {
                    Ok(Some(Message::Text(text))) => session.hear(&text).await,
                    Ok(Some(Message::Close(_)) | None) | Err(_) => return Ok(()),
                    Ok(Some(_)) => Ok(true),
                },
                Some(id) = ended.recv() => {
                    session.contexts.remove(&id);
                    Ok(session.settings.many)
                }
                _ = &mut writer => return Ok(()),
                () = tokio::time::sleep_until(session.deadline()) => Err(session.idle()),
            };
            match done {
                Ok(true) => {}
                Ok(false) => {
                    session.outlet.close(1000, "").await?;
                    let _ = writer.await;
                    return Ok(());
                }
                Err(Fatal(code, message)) => {
                    for message in last_words(code, &message) {
                        session.outlet.put(std::time::Duration::ZERO, message).await?;
                    }
                    let _ = writer.await;
                    return Ok(());
                }
            }
        }
    }

    /// The first context that hears nothing more ends the socket; without contexts, the socket's own clock runs.
    fn deadline(&self) -> Instant {
        let open =
            self.contexts.values().filter(|context| !context.closing).map(|context| context.last_input);
        open.min().unwrap_or(self.last_input) + self.settings.inactivity
    }

    fn idle(&self) -> Fatal {
        self.world.ledger.violation(SERVICE, "no text within the inactivity timeout");
        let seconds = self.settings.inactivity.as_secs();
        Fatal(
            "input_timeout_exceeded",
            format!(
                "Have not received a new text input within the timeout of {seconds} seconds. Streaming input terminated."
            ),
        )
    }

    /// Whether the socket goes on.
    async fn hear(&mut self, text: &str) -> Result<bool, Fatal> {
        let invalid = || Fatal("invalid_input_message", "Invalid message.".into());
        let message: Value = serde_json::from_str(text).map_err(|_| invalid())?;
        if message["close_socket"] == true {
            return Ok(false);
        }
        self.last_input = Instant::now();
        let id = self.settings.many.then(|| message["context_id"].as_str().unwrap_or("default").to_owned());
        let words = message["text"].as_str();
        if !self.contexts.contains_key(&id) {
            if message["close_context"] == true || message["flush"] == true && words.is_none() {
                return Ok(true);
            }
            self.open(&id, &message)?;
        }
        let Some(context) = self.contexts.get_mut(&id) else { return Err(invalid()) };
        context.last_input = Instant::now();
        if context.closing {
            return Ok(true);
        }
        if let Some(new) = message.get("voice_settings").filter(|new| **new != context.settings) {
            self.world.ledger.violation(SERVICE, format!("voice settings changed to {new}"));
            return Err(Fatal(
                "invalid_input_message",
                "voice_settings field must be provided in the first message and then either be not provided or not change.".into(),
            ));
        }
        if words == Some("") && message["flush"] != true {
            if self.settings.many {
                self.world.ledger.count(SERVICE, |counts| counts.keep_alives += 1);
            } else {
                context.end().await;
            }
        }
        if let Some(words) = words.filter(|words| !words.trim().is_empty()) {
            if !words.ends_with(' ') {
                self.world.ledger.violation(SERVICE, "text without a space at its end");
            }
            context.gathered.push_str(words);
            context.flushed = false;
        }
        let asked = message["flush"] == true || message["try_trigger_generation"] == true;
        if asked || Self::enough(&self.settings, &context.gathered, context.generations) {
            context.generate().await;
        }
        context.flushed |= message["flush"] == true;
        if message["close_context"] == true {
            if !context.flushed && context.generations > 0 {
                self.world.ledger.count(SERVICE, |counts| counts.cancelled += 1);
            }
            context.gathered.clear();
            context.end().await;
        }
        Ok(true)
    }

    fn open(&mut self, id: &Option<String>, first: &Value) -> Result<(), Fatal> {
        if self.contexts.len() >= MOST_CONTEXTS {
            self.world.ledger.violation(SERVICE, "more than 5 contexts");
            return Err(Fatal(
                "max_active_conversations",
                "Maximum simultaneous contexts per WebSocket connection exceeded (5). Please close an existing context before opening a new one.".into(),
            ));
        }
        if first["text"] == "" {
            self.world.ledger.violation(SERVICE, "keep-alive before the first message of a context");
        }
        let mut settings = self.settings.clone();
        if let Some(schedule) = first["generation_config"]["chunk_length_schedule"].as_array() {
            settings.schedule = schedule.iter().filter_map(Value::as_u64).map(|n| n as usize).collect();
        }
        if !settings.many {
            self.settings.schedule = settings.schedule.clone();
        }
        let (jobs, queue) = mpsc::channel(QUEUE);
        let speaker = Speaker {
            world: self.world.clone(),
            id: id.clone(),
            speed: first["voice_settings"]["speed"].as_f64().unwrap_or(1.0) as f32,
            settings,
            behaviour: self.behaviour.clone(),
            outlet: self.outlet.clone(),
            gone: self.gone.clone(),
        };
        tokio::spawn(speaker.run(queue, Answer::begin(&self.world, SERVICE)));
        let context = Context {
            jobs,
            gathered: String::new(),
            generations: 0,
            settings: first.get("voice_settings").cloned().unwrap_or(json!(null)),
            closing: false,
            flushed: false,
            last_input: Instant::now(),
        };
        self.contexts.insert(id.clone(), context);
        Ok(())
    }
}

impl Context {
    /// Speaks what was gathered.
    async fn generate(&mut self) {
        let text = std::mem::take(&mut self.gathered);
        if !text.trim().is_empty() {
            self.generations += 1;
            let _ = self.jobs.send(Job::Speak(text)).await;
        }
    }

    /// Speaks what was gathered, then ends.
    async fn end(&mut self) {
        self.generate().await;
        if !std::mem::replace(&mut self.closing, true) {
            let _ = self.jobs.send(Job::End).await;
        }
    }
}
