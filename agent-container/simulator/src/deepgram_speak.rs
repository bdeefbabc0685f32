//! Deepgram Aura, `/v1/speak`: WebSocket and HTTP.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::{Behaviour, Service};
use crate::cancel::{Answer, Open};
use crate::outlet::{Gone, Outlet, Pieces};
use crate::refusal::{error, request_id};
use crate::sound::{self, Encoding, Format};
use crate::world::World;

const SERVICE: Service = Service::DeepgramSpeak;
/// Longest text of one `Speak`.
const LONGEST_CHARS: usize = 2000;
/// Flushes in a minute without a warning.
const FLUSHES: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Audio in one message.
const CHUNK_MS: u64 = 100;

type Pairs = Vec<(String, String)>;

struct Settings {
    model: String,
    format: Format,
    speed: f32,
    container: bool,
}

impl Settings {
    fn read(query: &Pairs) -> Result<Self, String> {
        let get = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let encoding = match get("encoding").unwrap_or("linear16") {
            "linear16" => Encoding::Linear16,
            "mulaw" => Encoding::Mulaw,
            "alaw" => Encoding::Alaw,
            other => return Err(format!("encoding={other} is not simulated: linear16, mulaw or alaw")),
        };
        let default = if encoding == Encoding::Linear16 { "24000" } else { "8000" };
        let sample_rate = match get("sample_rate").unwrap_or(default).parse() {
            Ok(rate @ (8000 | 16000)) => rate,
            Ok(rate @ (24000 | 32000 | 48000)) if encoding == Encoding::Linear16 => rate,
            _ => return Err("sample_rate is not supported with this encoding".into()),
        };
        let speed = get("speed").unwrap_or("1").parse().map_err(|_| "speed is not a number")?;
        let container = get("container") != Some("none");
        Ok(Self {
            model: get("model").unwrap_or("any").into(),
            format: Format::new(encoding, sample_rate),
            speed,
            container,
        })
    }
}

async fn admit(world: &World, query: &Pairs, headers: &HeaderMap) -> Result<(Behaviour, Settings), Response> {
    let behaviour = world.admit(SERVICE, headers).await?;
    let settings = Settings::read(query).map_err(|message| refuse(world, &message))?;
    Ok((behaviour, settings))
}

fn refuse(world: &World, message: &str) -> Response {
    world.ledger.count(SERVICE, |counts| counts.refused += 1);
    error(SERVICE, 400, "INVALID_QUERY_PARAMETER", message)
}

pub(crate) async fn socket(
    State(world): State<Arc<World>>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let (behaviour, settings) = admit(&world, &query, &headers).await?;
    world.ledger.request(SERVICE, json!(query));
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _ = Session::run(world, settings, behaviour, socket).await;
    }))
}

pub(crate) async fn whole(
    State(world): State<Arc<World>>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Response> {
    let (behaviour, settings) = admit(&world, &query, &headers).await?;
    let Some(text) = body["text"].as_str().map(str::to_owned) else {
        return Err(refuse(&world, "text is missing"));
    };
    world.ledger.request(SERVICE, json!({"query": query, "body": body}));
    let (mut pieces, stream) = Pieces::start(&world, SERVICE, &behaviour);
    tokio::spawn(async move {
        let _open = Open::begin(&world, SERVICE);
        let answer = Answer::begin(&world, SERVICE);
        let head = settings.container && settings.format.encoding == Encoding::Linear16;
        let done = async {
            let (audio, step) = speak(&world, &settings, &text).await;
            let begun = Instant::now() + Duration::from_millis(behaviour.first_ms());
            if head {
                pieces.wait(begun).await?;
                pieces.send(sound::wav(&[], settings.format.sample_rate)).await?;
            }
            for (n, chunk) in audio.chunks(step).enumerate() {
                pieces.wait(begun + pace(n, &behaviour)).await?;
                pieces.send(chunk.to_vec()).await?;
            }
            Ok(())
        };
        match done.await {
            Ok(()) => answer.complete(),
            Err(Gone) if pieces.failed() => answer.fail(),
            Err(Gone) => drop(answer),
        }
    });
    Ok(([("content-type", "audio/l16"), ("dg-request-id", request_id())], stream).into_response())
}

/// The audio, and how much of it goes into one message.
async fn speak(world: &World, settings: &Settings, text: &str) -> (Vec<u8>, usize) {
    let samples =
        world.voice.speak(text, settings.format.sample_rate, settings.speed).await.unwrap_or_else(|error| {
            tracing::error!(service = ?SERVICE, %error, "cannot speak");
            [].into()
        });
    let step = settings.format.bytes_per_second() * CHUNK_MS as usize / 1000;
    // An odd length, as the vendor's messages end inside samples.
    (settings.format.encode(&samples), step + 1)
}

fn pace(n: usize, behaviour: &Behaviour) -> Duration {
    Duration::from_millis(CHUNK_MS * n as u64).div_f64(behaviour.rate())
}

struct Session {
    world: Arc<World>,
    settings: Settings,
    behaviour: Behaviour,
    outlet: Outlet,
    gathered: String,
    flushes: VecDeque<Instant>,
    flushed: u64,
    cleared: u64,
    /// Audio under way.
    audio: VecDeque<(Instant, Piece)>,
    answer: Option<Answer>,
}

enum Piece {
    Audio(Vec<u8>),
    Flushed,
}

impl Session {
    async fn run(
        world: Arc<World>,
        settings: Settings,
        behaviour: Behaviour,
        socket: WebSocket,
    ) -> Result<(), Gone> {
        let _open = Open::begin(&world, SERVICE);
        let (sink, mut stream) = socket.split();
        let (outlet, mut writer) = Outlet::start(&world, SERVICE, &behaviour, sink);
        let metadata = json!({"type": "Metadata", "request_id": request_id(), "model_name": settings.model,
            "model_version": "2026-01-01.0", "model_uuid": request_id(), "additional_model_uuids": []});
        outlet.send(&metadata).await?;
        let mut session = Self {
            world,
            settings,
            behaviour,
            outlet,
            gathered: String::new(),
            flushes: VecDeque::new(),
            flushed: 0,
            cleared: 0,
            audio: VecDeque::new(),
            answer: None,
        };
        loop {
            let due = session.audio.front().map_or(Instant::now() + MINUTE, |(due, _)| *due);
            let over = tokio::select! {
                message = stream.try_next() => match message {
                    Ok(Some(Message::Text(text))) => session.command(&text).await?,
                    Ok(Some(Message::Close(_)) | None) | Err(_) => return Ok(()),
                    Ok(Some(_)) => false,
                },
                _ = &mut writer => return Ok(()),
                () = tokio::time::sleep_until(due) => {
                    session.next_piece().await?;
                    false
                }
            };
            if over {
                let _ = writer.await;
                return Ok(());
            }
        }
    }

    async fn command(&mut self, text: &str) -> Result<bool, Gone> {
        let command: Value = serde_json::from_str(text).unwrap_or_default();
        match command["type"].as_str() {
            Some("Speak") => {
                let words = command["text"].as_str().unwrap_or_default();
                if words.chars().count() > LONGEST_CHARS {
                    self.world.ledger.violation(SERVICE, "more than 2000 characters in one Speak");
                    self.outlet.close(1009, "BIG-0000").await?;
                    return Ok(true);
                }
                self.gathered.push_str(words);
            }
            Some("Flush") => self.flush().await?,
            Some("Clear") => self.clear().await?,
            Some("Close") => {
                self.flush().await?;
                while !self.audio.is_empty() {
                    self.next_piece().await?;
                }
                self.outlet.close(1000, "").await?;
                return Ok(true);
            }
            _ => {
                self.world.ledger.violation(SERVICE, "unknown text message");
                self.outlet.close(1003, "MESSAGE-0000").await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        self.flushes.push_back(now);
        self.flushes.retain(|at| now - *at < MINUTE);
        if self.flushes.len() > FLUSHES {
            self.world.ledger.violation(SERVICE, "more than 20 flushes in a minute");
            let warning = json!({"type": "Warning", "description": "Too many flushes", "code": "DATA-0001"});
            self.outlet.send(&warning).await?;
        }
        let text = std::mem::take(&mut self.gathered);
        let begun = Instant::now() + Duration::from_millis(self.behaviour.first_ms());
        let begun = self.audio.back().map_or(begun, |(last, _)| begun.max(*last));
        let (audio, step) = speak(&self.world, &self.settings, &text).await;
        for (n, chunk) in audio.chunks(step).enumerate() {
            self.audio.push_back((begun + pace(n, &self.behaviour), Piece::Audio(chunk.to_vec())));
        }
        let last = self.audio.back().map_or(begun, |(last, _)| *last);
        self.audio.push_back((last, Piece::Flushed));
        self.answer.get_or_insert_with(|| Answer::begin(&self.world, SERVICE));
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), Gone> {
        self.gathered.clear();
        self.audio.clear();
        drop(self.answer.take());
        let cleared = json!({"type": "Cleared", "sequence_id": self.cleared});
        self.cleared += 1;
        self.outlet.send(&cleared).await
    }

    /// Sends the next piece when it is due.
    async fn next_piece(&mut self) -> Result<(), Gone> {
        let Some((due, piece)) = self.audio.pop_front() else { return Ok(()) };
        tokio::time::sleep_until(due).await;
        match piece {
            Piece::Audio(bytes) => self.outlet.put(Duration::ZERO, Message::Binary(bytes.into())).await,
            Piece::Flushed => {
                if self.audio.is_empty() {
                    self.answer.take().into_iter().for_each(Answer::complete);
                }
                let flushed = json!({"type": "Flushed", "sequence_id": self.flushed});
                self.flushed += 1;
                self.outlet.send(&flushed).await
            }
        }
    }
}
