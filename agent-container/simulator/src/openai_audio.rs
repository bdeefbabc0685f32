//! OpenAI and Groq `/audio/transcriptions` and `/audio/speech`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::{Behaviour, FaultKind, Service};
use crate::cancel::{Answer, Open};
use crate::form::Form;
use crate::listener::Listener;
use crate::outlet::{Gone, Pieces};
use crate::refusal::error;
use crate::reply::tokens;
use crate::sound::{self, Encoding, Format};
use crate::world::World;

/// Rate of OpenAI's `pcm`.
const OPENAI_RATE: u32 = 24_000;
/// Audio in one piece of an answer.
const CHUNK_MS: u64 = 100;
/// Silence behind an utterance, so that its last word is heard to end.
const SILENCE_MS: usize = 400;

pub(crate) async fn openai_transcription(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    transcribe(Service::OpenaiTranscriptions, world, headers, body).await
}

pub(crate) async fn groq_transcription(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    transcribe(Service::GroqTranscriptions, world, headers, body).await
}

fn refuse(world: &World, service: Service, message: &str) -> Response {
    world.ledger.count(service, |counts| counts.refused += 1);
    error(service, 400, "invalid_request_error", message)
}

async fn transcribe(
    service: Service,
    world: Arc<World>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let behaviour = world.admit(service, &headers).await?;
    let form = Form::read(&headers, &body)
        .ok_or_else(|| refuse(&world, service, "Could not parse multipart form"))?;
    if form.text("model").is_none_or(|model| model.is_empty()) {
        return Err(refuse(&world, service, "you must provide a model parameter"));
    }
    let file = form.file("file").and_then(sound::read_wav);
    let Some((sample_rate, samples)) = file.filter(|(rate, _)| *rate > 0) else {
        return Err(refuse(
            &world,
            service,
            "Audio file might be corrupted or unsupported: WAV with 16 bits is simulated",
        ));
    };
    let format = form.text("response_format").unwrap_or("json".into());
    world.ledger.request(service, form.texts());
    let text = world.transcribe(service, behaviour.caller.as_deref().unwrap_or_default(), |line| {
        hear(&world, sample_rate, &samples, line)
    });
    let duration = samples.len() as f64 / f64::from(sample_rate);
    if form.text("stream").as_deref() == Some("true") {
        return Ok(tell(service, &world, behaviour, "text/event-stream; charset=utf-8", events(&text)));
    }
    if behaviour.fault == Some(FaultKind::Error) {
        world.ledger.count(service, |counts| counts.faults += 1);
        return Err(error(
            service,
            500,
            "server_error",
            "The server had an error while processing your request.",
        ));
    }
    let (content_type, answer) = match format.as_str() {
        "text" => ("text/plain; charset=utf-8", text),
        "verbose_json" => ("application/json", verbose(&text, duration).to_string()),
        _ => {
            let usage = json!({"type": "duration", "seconds": duration.ceil()});
            let answer = json!({"text": text, "usage": usage, "x_groq": {"id": "req_simulated"}});
            ("application/json", answer.to_string())
        }
    };
    Ok(tell(service, &world, behaviour, content_type, vec![answer]))
}

/// The words of the utterance, and how many lines of the script it took.
fn hear(world: &World, sample_rate: u32, samples: &[i16], line: usize) -> (String, usize) {
    let mut listener = Listener::starting_at(sample_rate, world.script.clone(), line);
    listener.hear(samples);
    listener.hear(&vec![0; sample_rate as usize * SILENCE_MS / 1000]);
    let words: Vec<_> = listener.take(usize::MAX).into_iter().map(|word| word.text).collect();
    (words.join(" "), listener.next_line())
}

/// On silence the model invents something, and says how unsure it is.
fn verbose(text: &str, duration: f64) -> Value {
    let (heard, probability, no_speech) =
        if text.is_empty() { ("Thank you.", -1.4, 0.92) } else { (text, -0.2, 0.01) };
    json!({
        "task": "transcribe", "language": "english", "duration": duration, "text": heard,
        "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": duration, "text": heard, "tokens": [], "temperature": 0.0,
            "avg_logprob": probability, "compression_ratio": 1.0, "no_speech_prob": no_speech}],
        "x_groq": {"id": "req_simulated"},
    })
}

/// A transcript as server-sent events.
fn events(text: &str) -> Vec<String> {
    let deltas =
        tokens(text).into_iter().map(|delta| json!({"type": "transcript.text.delta", "delta": delta}));
    let last = json!({"type": "transcript.text.done", "text": text});
    let events = deltas.chain([last]).map(|event| event.to_string()).chain(["[DONE]".to_owned()]);
    events.map(|event| format!("data: {event}\n\n")).collect()
}

/// The answer, piece by piece, until the fault strikes.
fn tell(
    service: Service,
    world: &Arc<World>,
    behaviour: Behaviour,
    content_type: &'static str,
    answer: Vec<String>,
) -> Response {
    let (mut pieces, body) = Pieces::start(world, service, &behaviour);
    let world = world.clone();
    tokio::spawn(async move {
        let _open = Open::begin(&world, service);
        let telling = Answer::begin(&world, service);
        let told = async {
            pieces.wait(Instant::now() + Duration::from_millis(behaviour.first_ms())).await?;
            for piece in answer {
                pieces.send(piece).await?;
            }
            Ok(())
        };
        match told.await {
            Ok(()) => telling.complete(),
            Err(Gone) if pieces.failed() => telling.fail(),
            Err(Gone) => drop(telling),
        }
    });
    ([("content-type", content_type)], body).into_response()
}

pub(crate) async fn openai_speech(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Response> {
    speak(Service::OpenaiSpeech, world, headers, body).await
}

pub(crate) async fn groq_speech(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Response> {
    speak(Service::GroqSpeech, world, headers, body).await
}

/// Format of the audio and whether a WAV header comes first.
fn format(service: Service, body: &Value) -> Result<(Format, bool), String> {
    let groq = service == Service::GroqSpeech;
    let rate = if groq { body["sample_rate"].as_u64().unwrap_or(48_000) as u32 } else { OPENAI_RATE };
    let linear = Format::new(Encoding::Linear16, rate);
    match body["response_format"].as_str().unwrap_or(if groq { "wav" } else { "mp3" }) {
        "wav" => Ok((linear, true)),
        "pcm" if !groq => Ok((linear, false)),
        "mulaw" if groq => Ok((Format::new(Encoding::Mulaw, rate), false)),
        other => Err(format!("response_format {other} is not simulated: wav, pcm")),
    }
}

async fn speak(
    service: Service,
    world: Arc<World>,
    headers: HeaderMap,
    body: Value,
) -> Result<Response, Response> {
    let behaviour = world.admit(service, &headers).await?;
    for field in ["model", "voice", "input"] {
        if body[field].as_str().is_none_or(str::is_empty) {
            return Err(refuse(&world, service, &format!("Missing required parameter: '{field}'.")));
        }
    }
    let (format, header) = format(service, &body).map_err(|message| refuse(&world, service, &message))?;
    world.ledger.request(service, body.clone());
    let (mut pieces, stream) = Pieces::start(&world, service, &behaviour);
    let sound = Sound { world, service, behaviour, format, header };
    tokio::spawn(async move {
        let _open = Open::begin(&sound.world, service);
        let answer = Answer::begin(&sound.world, service);
        match sound.deliver(&body, &mut pieces).await {
            Ok(()) => answer.complete(),
            Err(Gone) if pieces.failed() => answer.fail(),
            Err(Gone) => drop(answer),
        }
    });
    let content_type = if header { "audio/wav" } else { "audio/pcm" };
    Ok(([("content-type", content_type), ("x-request-id", "req_simulated")], stream).into_response())
}

/// One text being spoken.
struct Sound {
    world: Arc<World>,
    service: Service,
    behaviour: Behaviour,
    format: Format,
    header: bool,
}

impl Sound {
    async fn deliver(&self, body: &Value, pieces: &mut Pieces) -> Result<(), Gone> {
        let Self { world, service, behaviour, format, header } = self;
        let begun = Instant::now() + Duration::from_millis(behaviour.first_ms());
        let speed = body["speed"].as_f64().unwrap_or(1.0) as f32;
        let input = body["input"].as_str().unwrap_or_default();
        let samples = world.voice.speak(input, format.sample_rate, speed).await.unwrap_or_else(|error| {
            tracing::error!(?service, %error, "cannot speak");
            [].into()
        });
        pieces.wait(begun).await?;
        if *header {
            // As the vendors' streams: a header whose sizes do not know the end.
            pieces.send(sound::wav(&[], format.sample_rate)).await?;
        }
        let step = format.bytes_per_second() * CHUNK_MS as usize / 1000 + 1;
        for (n, chunk) in format.encode(&samples).chunks(step).enumerate() {
            let after = Duration::from_millis(CHUNK_MS * n as u64).div_f64(behaviour.rate());
            pieces.wait(begun + after).await?;
            pieces.send(chunk.to_vec()).await?;
        }
        Ok(())
    }
}
