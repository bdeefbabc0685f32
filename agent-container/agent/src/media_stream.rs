//! Calls over Twilio Media Streams: the socket, the clock and the admission of a [`mediastream::Session`].
//!
//! Admission has two steps: the carrier's signature of the upgrade, where its auth tokens are known, and a ticket
//! of ours for this call, good once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use carrier::TicketKey;
use carrier::plan::{STREAM_JOB, STREAM_TOKEN};
use carrier::signature::{Payload, verify_twilio};
use dialogue::Road;
use domain::{JobId, JobMetadata, RoomName, Secret};
use line::{FRAME_MS, FRAME_SAMPLES, Line, LineCommand, LineDriver, LineEnd, LineEvent, Source, Station};
use mediastream::{Fact, LONGEST_MESSAGE, MOST_AHEAD, Session, Start};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, info, warn};

use crate::call::reports::wall_now;
use crate::call::station::{self, CallStation, Sound};
use crate::call::transfer::NoTransfers;
use crate::supervisor::StreamCall;

/// Time from the upgrade to a `start` with a good token (carriers.md, section 7).
const ADMITTED_WITHIN: Duration = Duration::from_secs(5);
/// Ticks without a mark after which what was sent counts as played: 1 s, far more than is ever sent ahead.
const HELD_TICKS: u32 = 50;
/// Bytes read at once: several of a carrier's messages.
const READ_BYTES: usize = 4 << 10;
/// Tickets remembered as used; they expire by themselves after two minutes.
const USED_TICKETS: usize = 10_000;

/// Header with the carrier's signature of an upgrade.
const SIGNATURE: &str = "x-twilio-signature";

/// How upgrades are signed.
#[derive(Debug, Clone)]
pub struct StreamSignature {
    /// The public `wss` URL as the carrier was given it.
    pub url: String,
    /// The account's auth tokens, newest first.
    pub tokens: Secret<Vec<String>>,
}

impl StreamSignature {
    fn is_good(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        verify_twilio(self.tokens.reveal(), given, &self.url, Payload::Upgrade)
    }
}

/// What all streams share.
#[derive(Debug, Clone)]
pub struct MediaStreams {
    tickets: TicketKey,
    calls: mpsc::Sender<StreamCall>,
    /// Upgrades must carry it; without one, the ticket alone admits.
    signature: Option<Arc<StreamSignature>>,
    /// Tickets that were used, until they expire (epoch seconds).
    used: Arc<Mutex<BTreeMap<String, u64>>>,
    admitted_within: Duration,
}

impl MediaStreams {
    /// Streams with tickets of this key; their calls go to the supervisor.
    #[must_use]
    pub fn new(
        tickets: TicketKey,
        calls: mpsc::Sender<StreamCall>,
        signature: Option<StreamSignature>,
    ) -> Self {
        let signature = signature.map(Arc::new);
        Self { tickets, calls, signature, used: Arc::default(), admitted_within: ADMITTED_WITHIN }
    }

    /// The same with another longest time from the upgrade to a `start` with a good token.
    #[must_use]
    pub fn admitted_within(self, admitted_within: Duration) -> Self {
        Self { admitted_within, ..self }
    }

    /// The job a stream is for, when its ticket is good and was not used before.
    fn admit(&self, start: &Start) -> Result<JobMetadata, &'static str> {
        let parameter = |name| start.custom_parameters.get(name).map(String::as_str).unwrap_or_default();
        let (ticket, now_s) = (parameter(STREAM_TOKEN), wall_now().as_secs());
        self.tickets.check_media_stream(&start.call_sid, ticket, now_s).map_err(|_| "ticket refused")?;
        let job = JobMetadata::from_json(parameter(STREAM_JOB)).map_err(|_| "job not understood")?;
        if job.call_id.as_str() != start.call_sid {
            return Err("job of another call");
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, expires_at_s| *expires_at_s > now_s);
        if used.len() >= USED_TICKETS || used.contains_key(ticket) {
            return Err("ticket used before");
        }
        let expires_at_s = ticket.split_once('.').and_then(|(at, _)| at.parse().ok()).unwrap_or(now_s);
        used.insert(ticket.to_owned(), expires_at_s);
        Ok(job)
    }
}

/// `/media-stream`: the WebSocket the carrier opens.
pub fn router(streams: MediaStreams) -> Router {
    Router::new().route("/media-stream", get(upgrade)).with_state(streams)
}

async fn upgrade(
    State(streams): State<MediaStreams>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if streams.signature.as_ref().is_some_and(|signature| !signature.is_good(&headers)) {
        warn!(event = telemetry::event::WEBHOOK_REJECTED, "media stream not signed by the carrier");
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade
        // The library zeroes as much before each read.
        .read_buffer_size(READ_BYTES)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| serve(streams, socket))
}

async fn serve(streams: MediaStreams, mut socket: WebSocket) {
    let Ok(mut session) = Session::new() else { return };
    let admitted = timeout(streams.admitted_within, admission(&streams, &mut session, &mut socket)).await;
    let (start, job) = match admitted {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(why)) => {
            warn!(why, "media stream refused");
            return close(&mut socket, 1008).await;
        }
        Err(_) => {
            warn!("media stream said nothing in time");
            return close(&mut socket, 1008).await;
        }
    };
    info!(call_id = start.call_sid, "media stream begins");
    let (station, end) = station::pair();
    let (line, driver) = Line::pair();
    let (cuts, sound) = (Arc::clone(&end.cuts), Arc::clone(&end.sound));
    let (Ok(id), Ok(room)) = (JobId::new(start.stream_sid.clone()), RoomName::new(start.stream_sid.clone()))
    else {
        return close(&mut socket, 1008).await;
    };
    let road = Road { pausable: true, transfer: false };
    let job =
        crate::call::call::Job { id, room, metadata: Some(job), transfers: Arc::new(NoTransfers), road };
    if streams.calls.send(StreamCall { job, line, station: end }).await.is_err() {
        return close(&mut socket, 1011).await;
    }
    let stream =
        Stream { session, socket, station, driver, cuts, cuts_seen: 0, held: 0, sound, silent: true };
    stream.run(&start).await;
}

/// Reads until the stream has begun, and whether it may.
async fn admission(
    streams: &MediaStreams,
    session: &mut Session,
    socket: &mut WebSocket,
) -> Result<(Start, JobMetadata), &'static str> {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let facts = session.receive(&text).map_err(|_| "start refused")?;
        for fact in facts {
            if let Fact::Started(start) = fact {
                let job = streams.admit(&start)?;
                session.admit();
                return Ok((start, job));
            }
        }
    }
    Err("closed before it began")
}

async fn close(socket: &mut WebSocket, code: u16) {
    let frame = CloseFrame { code, reason: "".into() };
    let _ = socket.send(Message::Close(Some(frame))).await;
}

/// One admitted stream.
struct Stream {
    session: Session,
    socket: WebSocket,
    station: CallStation,
    driver: LineDriver,
    cuts: Arc<AtomicU64>,
    cuts_seen: u64,
    /// Ticks in a row in which too much was on its way.
    held: u32,
    /// Rung when there is more to say.
    sound: Arc<Sound>,
    /// Whether the last tick had nothing to say: then a speech begins at once, not at the next tick.
    silent: bool,
}

impl Stream {
    async fn run(mut self, start: &Start) {
        let identity = start.call_sid.clone();
        // The carrier answered before it connected the stream.
        let joined = LineEvent::CallerJoined { identity, attributes: BTreeMap::new() };
        for event in [LineEvent::Published, joined, LineEvent::Answered] {
            self.tell(event).await;
        }
        let mut tick = interval(Duration::from_millis(FRAME_MS.into()));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let sound = Arc::clone(&self.sound);
        let end = loop {
            let ended = tokio::select! {
                message = self.socket.recv() => self.receive(message).await,
                command = self.driver.commands.recv() => self.command(command),
                _ = tick.tick() => self.speak().await,
                () = sound.more.notified(), if self.silent => {
                    tick.reset();
                    self.speak().await
                }
            };
            if let Some(end) = ended {
                break end;
            }
        };
        debug!(?end, "media stream ends");
        close(&mut self.socket, 1000).await;
        self.tell(LineEvent::Ended(end)).await;
    }

    async fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<LineEnd> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return Some(LineEnd::CallerLeft),
            Some(Ok(_)) => return None,
            // The carrier does not connect a lost stream again.
            Some(Err(_)) => return Some(LineEnd::ConnectionLost),
        };
        let facts = match self.session.receive(&text) {
            Ok(facts) => facts,
            Err(refusal) => {
                warn!(%refusal, "media stream broken");
                return Some(LineEnd::ConnectionLost);
            }
        };
        for fact in facts {
            match fact {
                Fact::Heard(frame) => self.station.hear(&frame, Source::Received),
                Fact::Dtmf(digit) => self.tell(LineEvent::Dtmf(digit)).await,
                Fact::Stopped => return Some(LineEnd::CallerLeft),
                Fact::Started(_) | Fact::Played { .. } => {}
            }
        }
        None
    }

    fn command(&self, command: Option<LineCommand>) -> Option<LineEnd> {
        match command {
            // Closing the socket ends the stream; the carrier goes on with its instructions.
            None | Some(LineCommand::HangUp | LineCommand::Leave) => Some(LineEnd::WeLeft),
            Some(LineCommand::SendDtmf(_)) => {
                warn!("media streams carry no keys towards the caller");
                None
            }
            Some(LineCommand::SetAttributes(_) | LineCommand::SendData { .. }) => None,
        }
    }

    /// 20 ms towards the caller, unless enough is on its way.
    async fn speak(&mut self) -> Option<LineEnd> {
        let cuts = self.cuts.load(Relaxed);
        if std::mem::replace(&mut self.cuts_seen, cuts) != cuts {
            let clear = self.session.clear();
            if self.send(clear).await.is_none() {
                return Some(LineEnd::ConnectionLost);
            }
        }
        if self.session.ahead() >= MOST_AHEAD {
            self.held += 1;
            if self.held < HELD_TICKS {
                return None;
            }
            debug!("the carrier's marks do not come back");
            self.session.assume_played();
        }
        self.held = 0;
        let mut frame = [0; FRAME_SAMPLES];
        self.silent = !self.station.speak(&mut frame);
        if self.silent {
            return None;
        }
        for message in self.session.speak(&frame) {
            if self.send(message).await.is_none() {
                return Some(LineEnd::ConnectionLost);
            }
        }
        None
    }

    async fn send(&mut self, text: String) -> Option<()> {
        self.socket.send(Message::Text(text.into())).await.ok()
    }

    async fn tell(&mut self, event: LineEvent) {
        // A closed channel: the call is over, and the commands end with it.
        let _ = self.driver.events.send(event).await;
    }
}
