//! ElevenLabs text to speech: WebSockets with one and with many contexts, and HTTP streaming.

mod context;
mod session;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::{Behaviour, Service};
use crate::cancel::{Answer, Open};
use crate::outlet::{Gone, Pieces};
use crate::refusal::{close, error};
use crate::world::World;
use context::Spoken;
use session::Session;
use settings::{Settings, format};

const SERVICE: Service = Service::Elevenlabs;

type Pairs = Vec<(String, String)>;

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/v1/text-to-speech/{voice}/multi-stream-input", any(many))
        .route("/v1/text-to-speech/{voice}/stream-input", any(one))
        .route("/v1/text-to-speech/{voice}", post(plain))
        .route("/v1/text-to-speech/{voice}/stream", post(plain))
        .route("/v1/text-to-speech/{voice}/stream/with-timestamps", post(timestamped))
        .route("/v1/models", get(|| async { Json(json!([])) }))
        .with_state(world.clone())
}

async fn many(
    State(world): State<Arc<World>>,
    Path(voice): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    socket(world, &voice, &query, &headers, upgrade, true).await
}

async fn one(
    State(world): State<Arc<World>>,
    Path(voice): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    socket(world, &voice, &query, &headers, upgrade, false).await
}

async fn socket(
    world: Arc<World>,
    voice: &str,
    query: &Pairs,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    many: bool,
) -> Result<Response, Response> {
    let behaviour = world.admit(SERVICE, headers).await?;
    let settings = Settings::read(query, many).map_err(|message| refuse(&world, &message))?;
    world.ledger.request(SERVICE, json!({"voice": voice, "many": many, "query": query}));
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _ = Session::run(world, settings, behaviour, socket).await;
    }))
}

fn refuse(world: &World, message: &str) -> Response {
    world.ledger.count(SERVICE, |counts| counts.refused += 1);
    error(SERVICE, 400, "invalid_parameters", message)
}

async fn plain(
    world: State<Arc<World>>,
    voice: Path<String>,
    query: Query<Pairs>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, Response> {
    whole_text(world, voice, query, headers, body, "audio/basic", |bytes, _| bytes).await
}

async fn timestamped(
    world: State<Arc<World>>,
    voice: Path<String>,
    query: Query<Pairs>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, Response> {
    whole_text(world, voice, query, headers, body, "application/json", |bytes, alignment| {
        let seconds = |name: &str| -> Vec<f64> {
            let values = alignment[name].as_array().into_iter().flatten();
            values.map(|ms| ms.as_f64().unwrap_or_default() / 1000.0).collect()
        };
        let (starts, lengths) = (seconds("charStartTimesMs"), seconds("charDurationsMs"));
        let ends: Vec<f64> = starts.iter().zip(&lengths).map(|(start, length)| start + length).collect();
        let alignment = json!({"characters": alignment["chars"], "character_start_times_seconds": starts,
            "character_end_times_seconds": ends});
        let line = json!({"audio_base64": STANDARD.encode(bytes), "alignment": alignment,
            "normalized_alignment": alignment});
        format!("{line}\n").into_bytes()
    })
    .await
}

/// One text by HTTP; `write` makes the bytes of a chunk from its audio and alignment.
async fn whole_text(
    State(world): State<Arc<World>>,
    Path(voice): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    Json(body): Json<Value>,
    content_type: &'static str,
    write: fn(Vec<u8>, Value) -> Vec<u8>,
) -> Result<Response, Response> {
    let behaviour = world.admit(SERVICE, &headers).await?;
    let wanted = query.iter().find(|(name, _)| name == "output_format");
    let format =
        format(wanted.map(|(_, value)| value.as_str())).map_err(|message| refuse(&world, &message))?;
    let Some(text) = body["text"].as_str().map(str::to_owned) else {
        return Err(refuse(&world, "text is missing"));
    };
    let speed = body["voice_settings"]["speed"].as_f64().unwrap_or(1.0) as f32;
    world.ledger.request(SERVICE, json!({"voice": voice, "query": query, "body": body}));
    let (mut pieces, stream) = Pieces::start(&world, SERVICE, &behaviour);
    tokio::spawn(async move {
        let _open = Open::begin(&world, SERVICE);
        let answer = Answer::begin(&world, SERVICE);
        let spoken = Spoken::new(&world, &text, format, speed).await;
        match deliver(&spoken, &behaviour, &mut pieces, write).await {
            Ok(()) => answer.complete(),
            Err(Gone) if pieces.failed() => answer.fail(),
            Err(Gone) => drop(answer),
        }
    });
    Ok(([("content-type", content_type), ("request-id", "simulated")], stream).into_response())
}

async fn deliver(
    spoken: &Spoken,
    behaviour: &Behaviour,
    pieces: &mut Pieces,
    write: fn(Vec<u8>, Value) -> Vec<u8>,
) -> Result<(), Gone> {
    let begun = Instant::now() + Duration::from_millis(behaviour.first_ms());
    for chunk in spoken.chunks() {
        pieces.wait(begun + Duration::from_millis(chunk.start_ms).div_f64(behaviour.rate())).await?;
        pieces.send(write(chunk.audio.to_vec(), spoken.alignment(chunk.start_ms..chunk.end_ms))).await?;
    }
    Ok(())
}

/// An error message and the close that follows it.
pub(crate) fn last_words(code: &str, message: &str) -> Vec<Message> {
    let error = json!({"message": message, "error": code, "code": 1008});
    vec![Message::Text(error.to_string().into()), close(1008, "")]
}
