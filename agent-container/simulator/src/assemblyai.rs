//! AssemblyAI streaming v3.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::any;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::{Behaviour, Service};
use crate::hearing::{self, Hearing, Next};
use crate::listener::{Change, Listener, Word};
use crate::outlet::{Gone, Outlet};
use crate::refusal::error;
use crate::sound::{Encoding, Format};
use crate::world::World;

const SERVICE: Service = Service::Assemblyai;
/// Audio between partial turns.
const PARTIAL_MS: u64 = 250;
/// Audio that may be ahead of real time: what a client held back while it reconnected.
const AHEAD_MS: u64 = 3000;

type Pairs = Vec<(String, String)>;

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new().route("/v3/ws", any(listen)).with_state(world.clone())
}

async fn listen(
    State(world): State<Arc<World>>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let behaviour = world.admit(SERVICE, &headers).await?;
    let settings = Settings::read(&query).map_err(|message| {
        world.ledger.count(SERVICE, |counts| counts.refused += 1);
        error(SERVICE, 400, "bad_request", &message)
    })?;
    let prefixed = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
    world.ledger.request(SERVICE, json!(query));
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _ = Session::run(world, settings, behaviour, socket, prefixed).await;
    }))
}

struct Settings {
    format: Format,
    format_turns: bool,
    min_silence_ms: u64,
    max_silence_ms: u64,
    inactivity: Option<Duration>,
}

impl Settings {
    fn read(query: &Pairs) -> Result<Self, String> {
        let get = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let number = |name: &str| {
            get(name)
                .map(|value| value.parse::<u64>().map_err(|_| format!("{name}={value} is not a number")))
                .transpose()
        };
        let encoding = match get("encoding").unwrap_or("pcm_s16le") {
            "pcm_s16le" => Encoding::Linear16,
            "pcm_mulaw" => Encoding::Mulaw,
            other => return Err(format!("encoding={other} is not simulated: pcm_s16le or pcm_mulaw")),
        };
        let sample_rate = number("sample_rate")?.ok_or("sample_rate is required")?;
        let min_silence = number("min_turn_silence")?.or(number("min_end_of_turn_silence_when_confident")?);
        Ok(Self {
            format: Format::new(encoding, sample_rate as u32),
            format_turns: get("format_turns").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            min_silence_ms: min_silence.unwrap_or(400),
            max_silence_ms: number("max_turn_silence")?.unwrap_or(1280),
            inactivity: number("inactivity_timeout")?.map(Duration::from_secs),
        })
    }
}

struct Session {
    world: Arc<World>,
    settings: Settings,
    delay: Duration,
    listener: Listener,
    outlet: Outlet,
    begun: Instant,
    turn: u64,
    speaking: bool,
    last_partial_ms: u64,
}

impl Session {
    async fn run(
        world: Arc<World>,
        settings: Settings,
        behaviour: Behaviour,
        socket: WebSocket,
        prefixed: bool,
    ) -> Result<(), Gone> {
        let (sink, stream) = socket.split();
        let (outlet, writer) = Outlet::start(&world, SERVICE, &behaviour, sink);
        if prefixed {
            world.ledger.violation(SERVICE, "key with Bearer");
            outlet.close(1008, "Unauthorized Connection: Missing or invalid Authorization header").await?;
            let _ = writer.await;
            return Err(Gone);
        }
        let begin = json!({"type": "Begin", "id": crate::refusal::request_id(), "expires_at": 1_893_456_000,
            "configuration": {"model": "simulated", "api_version": "2025-05-12"}});
        outlet.send(&begin).await?;
        let session = Self {
            listener: Listener::new(settings.format.sample_rate, world.script.clone()),
            delay: Duration::from_millis(behaviour.first_ms()),
            world,
            settings,
            outlet,
            begun: Instant::now(),
            turn: 0,
            speaking: false,
            last_partial_ms: 0,
        };
        hearing::run(session, stream, writer).await
    }

    async fn step(&mut self, samples: &[i16]) -> Result<(), Gone> {
        for change in self.listener.hear(samples) {
            self.speaking |= matches!(change, Change::MoreWords);
        }
        if !self.speaking {
            return Ok(());
        }
        let silence_ms = self.listener.silence_ms();
        let patience_ms = if self.listener.line_done() {
            self.settings.min_silence_ms
        } else {
            self.settings.max_silence_ms
        };
        if silence_ms >= patience_ms.max(1) {
            return self.end_turn().await;
        }
        if self.listener.now_ms() - self.last_partial_ms >= PARTIAL_MS {
            self.last_partial_ms = self.listener.now_ms();
            let partial = self.turn_message(false, false);
            return self.outlet.send(&partial).await;
        }
        Ok(())
    }

    async fn end_turn(&mut self) -> Result<(), Gone> {
        let end = self.turn_message(true, false);
        self.outlet.send_in(self.delay, &end).await?;
        if self.settings.format_turns {
            let formatted = self.turn_message(true, true);
            self.outlet.send(&formatted).await?;
        }
        self.listener.take(usize::MAX);
        self.speaking = false;
        self.turn += 1;
        self.world.ledger.count(SERVICE, |counts| counts.completed += 1);
        Ok(())
    }

    /// The last word is not settled before the end of the turn.
    fn turn_message(&self, end_of_turn: bool, formatted: bool) -> Value {
        let said = self.listener.said();
        let settled = if end_of_turn { said.len() } else { said.len().saturating_sub(1) };
        let plain = |text: &str| text.to_lowercase().trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let shown = |word: &Word| if formatted { word.text.clone() } else { plain(&word.text) };
        let transcript = said[..settled].iter().map(shown).collect::<Vec<_>>().join(" ");
        let words = said.iter().enumerate().map(|(n, word)| {
            json!({"start": word.start_ms, "end": word.end_ms, "text": shown(word), "confidence": 0.97,
                "word_is_final": n < settled})
        });
        json!({
            "type": "Turn", "turn_order": self.turn, "turn_is_formatted": formatted, "end_of_turn": end_of_turn,
            "transcript": transcript, "utterance": if end_of_turn { transcript.as_str() } else { "" },
            "end_of_turn_confidence": if end_of_turn { 0.9 } else { 0.1 }, "words": words.collect::<Vec<_>>(),
        })
    }

    async fn refuse(&mut self, code: u16, rule: &'static str) -> Result<Next, Gone> {
        self.world.ledger.violation(SERVICE, rule);
        self.outlet.send(&json!({"type": "Error", "error_code": code, "error": rule})).await?;
        self.outlet.close(code, rule).await?;
        Ok(Next::Over)
    }
}

impl Hearing for Session {
    const SERVICE: Service = SERVICE;

    fn world(&self) -> &Arc<World> {
        &self.world
    }

    fn patience(&self) -> Duration {
        self.settings.inactivity.unwrap_or(Duration::from_secs(3600))
    }

    async fn impatient(&mut self) -> Result<(), Gone> {
        self.refuse(3008, "Session expired: no audio within the inactivity timeout").await.map(drop)
    }

    async fn audio(&mut self, bytes: &[u8]) -> Result<Next, Gone> {
        let samples = self.settings.format.decode(bytes);
        let ms = samples.len() as u64 * 1000 / u64::from(self.settings.format.sample_rate.max(1));
        if !(50..=1000).contains(&ms) {
            return self.refuse(3007, "Input duration violation: between 50 and 1000 ms expected").await;
        }
        if self.listener.now_ms() + ms > self.begun.elapsed().as_millis() as u64 + AHEAD_MS {
            return self.refuse(3007, "Audio transmission rate exceeded: sent faster than real time").await;
        }
        for step in samples.chunks(self.settings.format.sample_rate as usize / 100) {
            self.step(step).await?;
        }
        Ok(Next::On)
    }

    async fn command(&mut self, text: &str) -> Result<Next, Gone> {
        let command: Value = serde_json::from_str(text).unwrap_or_default();
        match command["type"].as_str() {
            Some("KeepAlive") => self.world.ledger.count(SERVICE, |counts| counts.keep_alives += 1),
            Some("ForceEndpoint") => {
                self.listener.ask();
                if self.speaking {
                    self.end_turn().await?;
                }
            }
            Some("UpdateConfiguration") => {
                let number = |name: &str, now: u64| command[name].as_u64().unwrap_or(now);
                self.settings.min_silence_ms = number("min_turn_silence", self.settings.min_silence_ms);
                self.settings.max_silence_ms = number("max_turn_silence", self.settings.max_silence_ms);
            }
            Some("Terminate") => {
                if self.speaking {
                    self.end_turn().await?;
                }
                let heard = self.listener.now_ms() / 1000;
                let last = json!({"type": "Termination", "audio_duration_seconds": heard,
                    "session_duration_seconds": self.begun.elapsed().as_secs()});
                self.outlet.send(&last).await?;
                self.outlet.close(1000, "").await?;
                return Ok(Next::Over);
            }
            _ => return self.refuse(3006, "Invalid message type").await,
        }
        Ok(Next::On)
    }
}

/// What goes with a failure in the middle of the stream.
pub(crate) fn last_words(code: u16, message: &str) -> Value {
    json!({"type": "Error", "error_code": code, "error": message})
}
