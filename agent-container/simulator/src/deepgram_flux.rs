//! Deepgram Flux, `/v2/listen`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::behaviour::{Behaviour, Service};
use crate::hearing::{self, Hearing, Next};
use crate::listener::{Change, Listener};
use crate::outlet::{Gone, Outlet};
use crate::refusal::{error, request_id};
use crate::sound::{Encoding, Format};
use crate::world::World;

const SERVICE: Service = Service::DeepgramFlux;
/// Audio between updates.
const UPDATE_MS: u64 = 250;
/// Silence after which the simulated model is as sure as it gets.
const SURE_AFTER_MS: f64 = 600.0;
/// As sure as it gets, after a line and in the middle of one.
const SUREST: f64 = 0.95;
const SUREST_INSIDE: f64 = 0.45;
/// Not documented; long enough for any honest client.
const PATIENCE: Duration = Duration::from_secs(60);

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
    world.ledger.request(SERVICE, json!(query));
    let mut response = upgrade.on_upgrade(move |socket| async move {
        let _ = Session::run(world, settings, behaviour, socket).await;
    });
    response.headers_mut().insert("dg-request-id", HeaderValue::from_static(request_id()));
    Ok(response)
}

struct Settings {
    format: Format,
    threshold: f64,
    eager_threshold: Option<f64>,
    timeout_ms: u64,
}

impl Settings {
    fn read(query: &Pairs) -> Result<Self, String> {
        let get = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let number = |name: &str| {
            let parsed = get(name)
                .map(|value| value.parse::<f64>().map_err(|_| format!("{name}={value} is not a number")));
            parsed.transpose()
        };
        if get("model").is_none_or(str::is_empty) {
            return Err("model is required".into());
        }
        for known_elsewhere in ["interim_results", "endpointing", "smart_format"] {
            if get(known_elsewhere).is_some() {
                return Err(format!("{known_elsewhere} is not a parameter of this endpoint"));
            }
        }
        let encoding = match get("encoding") {
            Some("linear16") => Encoding::Linear16,
            Some("mulaw") => Encoding::Mulaw,
            Some("alaw") => Encoding::Alaw,
            other => return Err(format!("encoding={other:?} is not simulated: linear16, mulaw or alaw")),
        };
        let sample_rate = number("sample_rate")?.ok_or("sample_rate is required")?;
        let threshold = number("eot_threshold")?.unwrap_or(0.7);
        let eager_threshold = number("eager_eot_threshold")?;
        if !(0.5..=1.0).contains(&threshold) || eager_threshold.is_some_and(|eager| eager > threshold) {
            return Err("eager_eot_threshold must be at most eot_threshold, which is 0.5 to 1.0".into());
        }
        let timeout_ms = number("eot_timeout_ms")?.unwrap_or(5000.0) as u64;
        Ok(Self { format: Format::new(encoding, sample_rate as u32), threshold, eager_threshold, timeout_ms })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Initial,
    Ongoing,
    AwaitingEnd,
}

struct Session {
    world: Arc<World>,
    settings: Settings,
    delay: Duration,
    listener: Listener,
    outlet: Outlet,
    state: Turn,
    sequence: u64,
    turn: u64,
    turn_start_ms: u64,
    last_update_ms: u64,
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
        let mut session = Self {
            listener: Listener::new(settings.format.sample_rate, world.script.clone()),
            delay: Duration::from_millis(behaviour.first_ms()),
            world,
            settings,
            outlet,
            state: Turn::Initial,
            sequence: 0,
            turn: 0,
            turn_start_ms: 0,
            last_update_ms: 0,
        };
        session.send(json!({"type": "Connected", "request_id": request_id()}), Duration::ZERO).await?;
        hearing::run(session, stream, writer).await
    }

    async fn step(&mut self, samples: &[i16]) -> Result<(), Gone> {
        for change in self.listener.hear(samples) {
            match change {
                Change::Started { at_ms } if self.state == Turn::Initial => self.turn_start_ms = at_ms,
                Change::Started { .. } if self.state == Turn::AwaitingEnd => {
                    self.state = Turn::Ongoing;
                    self.tell("TurnResumed", Duration::ZERO).await?;
                }
                Change::MoreWords if self.state == Turn::Initial => {
                    self.state = Turn::Ongoing;
                    self.last_update_ms = self.listener.now_ms();
                    self.tell("StartOfTurn", Duration::ZERO).await?;
                }
                _ => {}
            }
        }
        if self.state == Turn::Initial {
            return Ok(());
        }
        let sure = self.confidence();
        if sure >= self.settings.threshold || self.listener.silence_ms() >= self.settings.timeout_ms {
            return self.end_turn("model").await;
        }
        if self.state == Turn::Ongoing && self.settings.eager_threshold.is_some_and(|eager| sure >= eager) {
            self.state = Turn::AwaitingEnd;
            return self.tell("EagerEndOfTurn", self.delay).await;
        }
        if self.state == Turn::Ongoing && self.listener.now_ms() - self.last_update_ms >= UPDATE_MS {
            self.last_update_ms = self.listener.now_ms();
            return self.tell("Update", Duration::ZERO).await;
        }
        Ok(())
    }

    fn confidence(&self) -> f64 {
        let surest = if self.listener.line_done() { SUREST } else { SUREST_INSIDE };
        surest * (self.listener.silence_ms() as f64 / SURE_AFTER_MS).min(1.0)
    }

    async fn end_turn(&mut self, trigger: &str) -> Result<(), Gone> {
        let mut end = self.turn_info("EndOfTurn");
        end["trigger"] = trigger.into();
        self.send(end, self.delay).await?;
        self.listener.take(usize::MAX);
        self.state = Turn::Initial;
        self.turn += 1;
        self.world.ledger.count(SERVICE, |counts| counts.completed += 1);
        Ok(())
    }

    async fn tell(&mut self, event: &str, delay: Duration) -> Result<(), Gone> {
        let info = self.turn_info(event);
        self.send(info, delay).await
    }

    fn turn_info(&self, event: &str) -> Value {
        let said = self.listener.said();
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let words = said.iter().map(|word| {
            json!({"word": word.text, "confidence": 0.98, "start": seconds(word.start_ms), "end": seconds(word.end_ms)})
        });
        json!({
            "type": "TurnInfo", "request_id": request_id(), "event": event, "turn_index": self.turn,
            "audio_window_start": seconds(self.turn_start_ms), "audio_window_end": seconds(self.listener.now_ms()),
            "transcript": said.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
            "words": words.collect::<Vec<_>>(), "end_of_turn_confidence": self.confidence(),
        })
    }

    async fn send(&mut self, mut message: Value, delay: Duration) -> Result<(), Gone> {
        message["sequence_id"] = self.sequence.into();
        self.sequence += 1;
        self.outlet.send_in(delay, &message).await
    }

    fn configure(&mut self, thresholds: &Value) {
        let number = |name: &str| thresholds[name].as_f64();
        self.settings.threshold = number("eot_threshold").unwrap_or(self.settings.threshold);
        self.settings.eager_threshold = number("eager_eot_threshold").or(self.settings.eager_threshold);
        self.settings.timeout_ms = number("eot_timeout_ms").map_or(self.settings.timeout_ms, |ms| ms as u64);
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
        self.outlet.close(1011, "NET-0001").await
    }

    async fn audio(&mut self, bytes: &[u8]) -> Result<Next, Gone> {
        let samples = self.settings.format.decode(bytes);
        for step in samples.chunks(self.settings.format.sample_rate as usize / 100) {
            self.step(step).await?;
        }
        Ok(Next::On)
    }

    async fn command(&mut self, text: &str) -> Result<Next, Gone> {
        let command: Value = serde_json::from_str(text).unwrap_or_default();
        match command["type"].as_str() {
            Some("ForceEndTurn") => {
                if self.state != Turn::Initial {
                    self.end_turn("manual").await?;
                }
            }
            Some("Configure") => {
                self.configure(&command["thresholds"]);
                let success = json!({"type": "ConfigureSuccess", "request_id": request_id(),
                    "thresholds": {"eot_threshold": self.settings.threshold, "eot_timeout_ms": self.settings.timeout_ms,
                        "eager_eot_threshold": self.settings.eager_threshold},
                    "keyterms": command["keyterms"].as_array().cloned().unwrap_or_default(), "language_hints": []});
                self.send(success, Duration::ZERO).await?;
            }
            Some("CloseStream") => {
                if self.state != Turn::Initial {
                    self.end_turn("model").await?;
                }
                self.outlet.close(1000, "").await?;
                return Ok(Next::Over);
            }
            other => {
                let rule = format!("message {} is not accepted", other.unwrap_or("without type"));
                self.world.ledger.violation(SERVICE, rule.clone());
                let fatal =
                    json!({"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": rule});
                self.send(fatal, Duration::ZERO).await?;
                self.outlet.close(1008, "").await?;
                return Ok(Next::Over);
            }
        }
        Ok(Next::On)
    }
}

/// What goes with a failure in the middle of the stream.
pub(crate) fn last_words() -> Value {
    json!({"type": "Error", "sequence_id": 9, "code": "INTERNAL_SERVER_ERROR", "description": "Internal server error."})
}
