//! One WebSocket with its contexts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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
/// Characters gathered before each generation when the client does not say.
const SCHEDULE: [usize; 4] = [120, 160, 250, 290];
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
    /// Characters gathered before each generation.
    schedule: Vec<usize>,
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
            if let Ok(true) = done {
                continue;
            }
            session.end(done.err()).await?;
            let _ = writer.await;
            return Ok(());
        }
    }

    async fn end(&self, fatal: Option<Fatal>) -> Result<(), Gone> {
        let Some(Fatal(code, message)) = fatal else { return self.outlet.close(1000, "").await };
        for message in last_words(code, &message) {
            self.outlet.put(Duration::ZERO, message).await?;
        }
        Ok(())
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
        if !self.contexts.contains_key(&id) {
            let about_a_closed_one = message["close_context"] == true || message["text"].is_null();
            if about_a_closed_one {
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
            let words = "voice_settings field must be provided in the first message and then either be not provided \
                         or not change.";
            return Err(Fatal("invalid_input_message", words.into()));
        }
        match message["text"].as_str() {
            Some("") if message["flush"] == true => {}
            Some("") if self.settings.many => {
                self.world.ledger.count(SERVICE, |counts| counts.keep_alives += 1)
            }
            Some("") => context.end(true).await,
            Some(words) if !words.trim().is_empty() => {
                if !words.ends_with(' ') {
                    self.world.ledger.violation(SERVICE, "text without a space at its end");
                }
                context.gather(words);
            }
            _ => {}
        }
        context.speak_if_asked(&message, self.settings.auto_mode).await;
        if message["close_context"] == true && context.close().await {
            self.world.ledger.count(SERVICE, |counts| counts.cancelled += 1);
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
        let schedule = first["generation_config"]["chunk_length_schedule"].as_array();
        let schedule =
            schedule.map(|items| items.iter().filter_map(Value::as_u64).map(|n| n as usize).collect());
        let (jobs, queue) = mpsc::channel(QUEUE);
        let speaker = Speaker {
            world: self.world.clone(),
            id: id.clone(),
            speed: first["voice_settings"]["speed"].as_f64().unwrap_or(1.0) as f32,
            settings: self.settings.clone(),
            behaviour: self.behaviour.clone(),
            outlet: self.outlet.clone(),
            gone: self.gone.clone(),
        };
        tokio::spawn(speaker.run(queue, Answer::begin(&self.world, SERVICE)));
        let context = Context {
            jobs,
            gathered: String::new(),
            schedule: schedule.unwrap_or_else(|| SCHEDULE.to_vec()),
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
    fn gather(&mut self, words: &str) {
        self.gathered.push_str(words);
        self.flushed = false;
    }

    /// Speaks what was gathered when it was asked to, or when it is enough.
    async fn speak_if_asked(&mut self, message: &Value, auto_mode: bool) {
        let asked = message["flush"] == true || message["try_trigger_generation"] == true;
        let enough = self.schedule.get(self.generations).or(self.schedule.last()).copied().unwrap_or(0);
        if asked || auto_mode || self.gathered.chars().count() >= enough {
            self.generate().await;
        }
        self.flushed |= message["flush"] == true;
    }

    /// Speaks what was gathered.
    async fn generate(&mut self) {
        let text = std::mem::take(&mut self.gathered);
        if !text.trim().is_empty() {
            self.generations += 1;
            let _ = self.jobs.send(Job::Speak(text)).await;
        }
    }

    /// Only what was flushed is still spoken. Whether that cancels something: a client that wants everything to be
    /// heard flushes right before.
    async fn close(&mut self) -> bool {
        let cancelled = !self.flushed && self.generations > 0;
        self.gathered.clear();
        self.end(!cancelled).await;
        cancelled
    }

    /// Speaks what was gathered, then ends.
    async fn end(&mut self, complete: bool) {
        self.generate().await;
        if !std::mem::replace(&mut self.closing, true) {
            let _ = self.jobs.send(Job::End { complete }).await;
        }
    }
}
