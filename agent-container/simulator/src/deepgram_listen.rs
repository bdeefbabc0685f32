//! Deepgram live transcription, `/v1/listen`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::behaviour::{Behaviour, Service};
use crate::hearing::{self, Hearing, Next};
use crate::listener::{Change, Listener, Word};
use crate::outlet::{Gone, Outlet};
use crate::refusal::{close, error, request_id};
use crate::sound::{Encoding, Format};
use crate::world::World;

const SERVICE: Service = Service::DeepgramListen;
/// Without audio or KeepAlive for this long the vendor closes with 1011.
const PATIENCE: Duration = Duration::from_secs(10);
/// Audio between interims.
const INTERIM_MS: u64 = 250;
/// Long speech is settled in pieces, the last word kept back.
const PIECE_MS: u64 = 4000;
/// Silence is settled, without words, in pieces of this length.
const EMPTY_FINAL_MS: u64 = 5000;

type Pairs = Vec<(String, String)>;

pub(crate) async fn listen(
    State(world): State<Arc<World>>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let behaviour = world.admit(SERVICE, &headers).await?;
    let settings = Settings::read(&query).map_err(|message| {
        world.ledger.count(SERVICE, |counts| counts.refused += 1);
        error(SERVICE, 400, "INVALID_QUERY_PARAMETER", &message)
    })?;
    world.ledger.request(SERVICE, query.into_iter().map(|(n, v)| json!([n, v])).collect());
    let mut response = upgrade.on_upgrade(move |socket| async move {
        let _ = Session::run(world, settings, behaviour, socket).await;
    });
    response.headers_mut().insert("dg-request-id", HeaderValue::from_static(request_id()));
    Ok(response)
}

/// What the query asks for.
struct Settings {
    model: String,
    format: Format,
    interims: bool,
    vad_events: bool,
    smart_format: bool,
    endpointing_ms: Option<u64>,
    utterance_end_ms: Option<u64>,
}

impl Settings {
    fn read(query: &Pairs) -> Result<Self, String> {
        let get = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let number = |name: &str| match get(name).map(|value| (value, value.parse::<u64>())) {
            None => Ok(None),
            Some((_, Ok(value))) => Ok(Some(value)),
            Some((value, Err(_))) => Err(format!("{name}={value} is not a number")),
        };
        let flag = |name: &str| get(name) == Some("true");
        let encoding = match get("encoding") {
            Some("linear16") => Encoding::Linear16,
            Some("mulaw") => Encoding::Mulaw,
            Some("alaw") => Encoding::Alaw,
            other => return Err(format!("encoding={other:?} is not simulated: linear16, mulaw or alaw")),
        };
        let sample_rate = number("sample_rate")?.ok_or("sample_rate is required with a raw encoding")?;
        let endpointing_ms = match get("endpointing") {
            Some("false") => None,
            Some("true") => Some(10),
            _ => Some(number("endpointing")?.unwrap_or(10)),
        };
        let interims = flag("interim_results");
        Ok(Self {
            model: get("model").unwrap_or("general").to_owned(),
            format: Format::new(encoding, u32::try_from(sample_rate).map_err(|error| error.to_string())?),
            interims,
            vad_events: flag("vad_events"),
            smart_format: flag("smart_format") || flag("punctuate"),
            endpointing_ms,
            // Without interims the vendor never sends it.
            utterance_end_ms: number("utterance_end_ms")?.filter(|_| interims),
        })
    }
}

struct Session {
    world: Arc<World>,
    settings: Settings,
    delay: Duration,
    /// Whether `Finalize` is ignored, which the vendor may.
    unanswered: bool,
    listener: Listener,
    outlet: Outlet,
    /// End of what was settled, milliseconds.
    settled_ms: u64,
    last_interim_ms: u64,
    /// Speech since the last `speech_final`.
    open_speech: bool,
    /// Words since the last UtteranceEnd, and where they ended.
    last_word_end_ms: Option<u64>,
}

impl Session {
    async fn run(
        world: Arc<World>,
        settings: Settings,
        behaviour: Behaviour,
        socket: WebSocket,
    ) -> Result<(), Gone> {
        let (sink, stream) = socket.split();
        let (outlet, writer) = Outlet::start(&world, SERVICE, &behaviour, sink);
        let session = Self {
            listener: Listener::new(settings.format.sample_rate, world.script.clone()),
            delay: Duration::from_millis(behaviour.first_ms()),
            unanswered: behaviour.quirks(),
            world,
            settings,
            outlet,
            settled_ms: 0,
            last_interim_ms: 0,
            open_speech: false,
            last_word_end_ms: None,
        };
        hearing::run(session, stream, writer).await
    }
}

impl Hearing for Session {
    const SERVICE: Service = SERVICE;

    fn world(&self) -> &Arc<World> {
        &self.world
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    async fn impatient(&mut self) -> Result<(), Gone> {
        self.world.ledger.violation(SERVICE, "no audio or KeepAlive for 10 s");
        self.outlet.close(1011, "NET-0001").await
    }

    async fn audio(&mut self, bytes: &[u8]) -> Result<Next, Gone> {
        if bytes.is_empty() {
            self.world.ledger.violation(SERVICE, "empty audio frame");
            return self.end().await;
        }
        let samples = self.settings.format.decode(bytes);
        // Small steps, so that what a block changes is reported at its time.
        for step in samples.chunks(self.settings.format.sample_rate as usize / 100) {
            self.step(step).await?;
        }
        Ok(Next::On)
    }

    async fn command(&mut self, text: &str) -> Result<Next, Gone> {
        let command: Value = serde_json::from_str(text).unwrap_or_default();
        match command["type"].as_str() {
            Some("KeepAlive") => self.world.ledger.count(SERVICE, |counts| counts.keep_alives += 1),
            Some("Finalize") => self.finalize().await?,
            Some("CloseStream") => return self.end().await,
            _ => {
                self.world.ledger.violation(SERVICE, "unknown text message");
                self.outlet.close(1008, "DATA-0000").await?;
                return Ok(Next::Over);
            }
        }
        Ok(Next::On)
    }
}

impl Session {
    async fn step(&mut self, samples: &[i16]) -> Result<(), Gone> {
        for change in self.listener.hear(samples) {
            match change {
                Change::Started { at_ms } => {
                    self.open_speech = true;
                    if self.settings.vad_events {
                        let started =
                            json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": seconds(at_ms)});
                        self.outlet.send(&started).await?;
                    }
                }
                // Also those that were not certain until the silence had lasted.
                Change::MoreWords => self.open_speech = true,
                Change::Stopped { .. } => {}
            }
        }
        let silence_ms = self.listener.silence_ms();
        let endpoint = self.settings.endpointing_ms.is_some_and(|ms| silence_ms >= ms);
        if self.open_speech && !self.listener.speaking() && endpoint {
            self.open_speech = false;
            return self.settle(self.listener.said().len(), true, false).await;
        }
        if let Some(end_ms) = self.last_word_end_ms
            && !self.listener.speaking()
            && self.listener.said().is_empty()
            && self.settings.utterance_end_ms.is_some_and(|ms| self.listener.now_ms() >= end_ms + ms)
        {
            self.last_word_end_ms = None;
            let ended = json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": seconds(end_ms)});
            return self.outlet.send_in(self.delay, &ended).await;
        }
        self.between().await
    }

    /// What comes while speech or silence lasts.
    async fn between(&mut self) -> Result<(), Gone> {
        let now_ms = self.listener.now_ms();
        let words = self.listener.said().len();
        if words > 1 && self.listener.speaking() && now_ms - self.settled_ms >= PIECE_MS {
            return self.settle(words - 1, false, false).await;
        }
        if words == 0 && !self.open_speech && now_ms - self.settled_ms >= EMPTY_FINAL_MS {
            return self.settle(0, false, false).await;
        }
        if self.settings.interims && words > 0 && now_ms - self.last_interim_ms >= INTERIM_MS {
            self.last_interim_ms = now_ms;
            let interim = self.results(self.listener.said(), now_ms, false);
            return self.outlet.send(&interim).await;
        }
        Ok(())
    }

    async fn finalize(&mut self) -> Result<(), Gone> {
        self.listener.ask();
        // With next to no audio buffered the vendor stays silent.
        let next_to_none = self.listener.now_ms() < self.settled_ms + 100 && self.listener.said().is_empty();
        if next_to_none || self.unanswered {
            return Ok(());
        }
        self.open_speech = self.listener.speaking();
        self.settle(self.listener.said().len(), !self.open_speech, true).await
    }

    /// Settles the first `n` words said.
    async fn settle(&mut self, n: usize, speech_final: bool, from_finalize: bool) -> Result<(), Gone> {
        let rest = self.listener.said().len() > n;
        let words = self.listener.take(n);
        let end_ms = words.last().filter(|_| rest).map_or(self.listener.now_ms(), |word| word.end_ms);
        let mut results = self.results(&words, end_ms, true);
        results["speech_final"] = speech_final.into();
        results["from_finalize"] = from_finalize.into();
        self.settled_ms = end_ms;
        self.last_interim_ms = self.listener.now_ms();
        if let Some(word) = words.last() {
            self.last_word_end_ms = Some(word.end_ms);
            self.world.ledger.count(SERVICE, |counts| counts.completed += 1);
        }
        self.outlet.send_in(self.delay, &results).await
    }

    fn results(&self, words: &[Word], end_ms: u64, is_final: bool) -> Value {
        let plain = |text: &str| text.to_lowercase().trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let shown = |text: &str| if self.settings.smart_format { text.to_owned() } else { plain(text) };
        let transcript = words.iter().map(|word| shown(&word.text)).collect::<Vec<_>>().join(" ");
        let words = words.iter().map(|word| {
            let mut entry = json!({"word": plain(&word.text), "start": seconds(word.start_ms),
                "end": seconds(word.end_ms), "confidence": 0.98});
            if self.settings.smart_format {
                entry["punctuated_word"] = word.text.clone().into();
            }
            entry
        });
        let words: Vec<Value> = words.collect();
        let confidence = if words.is_empty() { 0.0 } else { 0.98 };
        json!({
            "type": "Results", "channel_index": [0, 1],
            "duration": seconds(end_ms.saturating_sub(self.settled_ms)), "start": seconds(self.settled_ms),
            "is_final": is_final, "speech_final": false, "from_finalize": false,
            "channel": {"alternatives": [{"transcript": transcript, "confidence": confidence, "words": words}]},
            "metadata": {"request_id": request_id(), "model_uuid": request_id(),
                "model_info": {"name": self.settings.model, "version": "2026-01-01.0", "arch": "simulated"}},
        })
    }

    async fn end(&mut self) -> Result<Next, Gone> {
        if !self.listener.said().is_empty() {
            self.settle(self.listener.said().len(), true, false).await?;
        }
        let metadata = json!({
            "type": "Metadata", "transaction_key": "deprecated", "request_id": request_id(),
            "sha256": "0".repeat(64), "created": "2026-01-01T00:00:00.000Z",
            "duration": seconds(self.listener.now_ms()), "channels": 1,
        });
        self.outlet.send(&metadata).await?;
        self.outlet.close(1000, "").await?;
        Ok(Next::Over)
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// What goes with a failure in the middle of the stream.
pub(crate) fn last_words() -> Vec<Message> {
    vec![close(1011, "NET-0000")]
}
