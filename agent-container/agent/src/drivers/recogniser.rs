//! Speech to text over a vendor's WebSocket: connected before the caller speaks, connected again without losing
//! a word.
//!
//! ```text
//!  frames ─▶ kept audio ─▶ socket ─▶ events ─▶ dialogue inputs
//!               │  ▲                    │
//!               │  └── settled by final words
//!               └── sent again after a reconnect
//! ```

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use dialogue::{Input, Stt as SttInput};
use line::Frame;
use reqwest::Client;
use speech::{
    Attempt, Delivered, Fault, Kind, Next, Stt, SttConfig, SttEvent, SttSocket, Vendor, WsMessage,
    reconnect_after,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::failure::failure;
use super::kept_audio::{KeptAudio, REPLAY_SAMPLES};
use super::vendors::{Place, Vendors};
use crate::net::websocket::WebSocket;

/// Frames that may wait for the recogniser: 1.3 s. The task only ever waits for a socket that does not take
/// data, and then the kept audio is what counts: newer frames are dropped and counted.
pub const FRAME_BOUND: usize = 64;

/// What the dialogue asks of the recogniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Finalise what was heard so far.
    Flush,
    /// Say what was heard so far, and go on.
    SoFar,
    /// Connect anew: the session is deaf.
    Restart,
    /// Our own ear heard speech begin.
    SpeechStarted,
    /// Our own ear heard speech end.
    SpeechEnded,
}

/// What a recogniser is made of.
#[derive(Debug)]
pub struct RecogniserSetup {
    /// Vendors in order.
    pub chain: Vec<SttConfig>,
    /// The caller.
    pub frames: mpsc::Receiver<Frame>,
    /// From the dialogue.
    pub commands: mpsc::Receiver<Command>,
    /// To the dialogue.
    pub inbox: mpsc::Sender<Input>,
    /// Which vendors work.
    pub vendors: Vendors,
    /// For vendors that hear over HTTP.
    pub client: Client,
}

/// The recogniser's task.
#[derive(Debug)]
pub struct Recogniser {
    chain: Vec<SttConfig>,
    places: Vec<Place>,
    /// The way through the chain; begun again at its end, because ears never give up.
    attempt: Attempt,
    /// The session has brought words.
    heard: bool,
    /// Sessions lost since the last words.
    losses: u32,
    /// The dialogue was told that nobody hears.
    outage: bool,
    /// Our own ear hears the caller speak.
    pub(super) speaking: bool,
    /// It did so since the last final words.
    pub(super) unheard: bool,
    pub(super) frames: mpsc::Receiver<Frame>,
    pub(super) commands: mpsc::Receiver<Command>,
    inbox: mpsc::Sender<Input>,
    pub(super) kept: KeptAudio,
    vendors: Vendors,
    pub(super) client: Client,
}

/// Why a session ended.
pub(super) enum Ended {
    /// The call is over.
    Call,
    /// The vendor failed.
    Fault(Fault),
    /// The dialogue wants a new one.
    Restart,
}

impl Recogniser {
    /// A recogniser that asks the vendors of the chain; nothing when there are none.
    #[must_use]
    pub fn new(setup: RecogniserSetup) -> Option<Self> {
        let RecogniserSetup { chain, frames, commands, inbox, vendors, client } = setup;
        let places = Place::of_stt(&chain);
        let attempt = vendors.attempt_with_probes(Kind::Stt, &places)?;
        let kept = KeptAudio::default();
        let (heard, losses, outage) = (false, 0, false);
        Some(Self {
            chain,
            places,
            attempt,
            heard,
            losses,
            outage,
            speaking: false,
            unheard: false,
            frames,
            commands,
            inbox,
            kept,
            vendors,
            client,
        })
    }

    /// Runs until the frames end.
    pub async fn run(mut self) {
        loop {
            let config = self.chain[self.attempt.vendor()].clone();
            let vendor = config.vendor.vendor();
            let ended = match Stt::new(config) {
                Stt::Socket(session) => self.connect_and_serve(session, vendor).await,
                Stt::File(session) => self.serve_files(session, vendor).await,
            };
            let (fault, delivered) = match ended {
                Ended::Call => return,
                // Whoever takes audio and says nothing goes on so: the next one.
                Ended::Restart => (Fault::timed_out(vendor, "words"), Delivered::Nothing),
                Ended::Fault(fault) if self.heard => (fault, Delivered::Some),
                Ended::Fault(fault) => (fault, Delivered::Nothing),
            };
            if self.endure(&fault, delivered).await.is_none() {
                return;
            }
        }
    }

    async fn connect_and_serve(&mut self, session: SttSocket, vendor: Vendor) -> Ended {
        match self.open(&session, vendor).await {
            Some(Ok(socket)) => self.serve(session, socket, vendor).await,
            Some(Err(fault)) => Ended::Fault(fault),
            None => Ended::Call,
        }
    }

    /// Opens the socket while audio is kept; `None` when the call ended meanwhile.
    async fn open(&mut self, session: &SttSocket, vendor: Vendor) -> Option<Result<WebSocket, Fault>> {
        let request = session.connect();
        let opened = self.meanwhile(WebSocket::connect(&request, Kind::Stt.deadlines().connect)).await?;
        Some(opened.map_err(|error| error.fault(vendor)))
    }

    /// Notes a failure, tells the dialogue, waits; `None` when the call ended meanwhile.
    async fn endure(&mut self, fault: &Fault, delivered: Delivered) -> Option<()> {
        warn!(%fault, "recogniser failed");
        debug!(detail = fault.detail, "what the recogniser's vendor said");
        self.vendors.failed(Kind::Stt, &self.places[self.attempt.vendor()], fault);
        self.losses += 1;
        self.heard = false;
        // The first reconnect is at once: the dialogue only hears of an outage that lasts.
        if self.losses > 1 && !std::mem::replace(&mut self.outage, true) {
            self.inbox.send(Input::Stt(SttInput::Failed(failure(fault)))).await.ok()?;
        }
        let pause = match self.attempt.failed(fault, delivered) {
            Next::Other { .. } => Duration::ZERO,
            Next::Again { after, .. } => after,
            Next::KeepPartial | Next::GiveUp => {
                self.attempt = self.vendors.attempt_with_probes(Kind::Stt, &self.places)?;
                reconnect_after(self.losses)
            }
        };
        self.meanwhile(sleep(pause)).await
    }

    /// Does something while audio is kept; `None` when the call ended meanwhile.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                frame = self.frames.recv() => self.kept.push(frame?),
            }
        }
    }

    async fn serve(&mut self, mut session: SttSocket, mut socket: WebSocket, vendor: Vendor) -> Ended {
        let replay = self.kept.restart();
        for chunk in replay.chunks(REPLAY_SAMPLES) {
            if let Err(fault) = send(&mut socket, vendor, session_audio(&mut session, chunk)).await {
                return Ended::Fault(fault);
            }
        }
        let mut sent_at = Instant::now();
        loop {
            let keep_alive_at = sent_at + session.keep_alive_after();
            let outgoing = tokio::select! {
                message = socket.next() => match self.hear(&mut session, message).await {
                    Ok(()) => continue,
                    Err(fault) => return Ended::Fault(fault),
                },
                frame = self.frames.recv() => match frame {
                    Some(frame) => session_audio(&mut session, &self.gather(frame)),
                    None => {
                        let _ = send(&mut socket, vendor, session.close()).await;
                        return Ended::Call;
                    }
                },
                command = next_command(&mut self.commands) => match self.follow(command) {
                    // What was said before the question comes before it.
                    Command::Flush => {
                        let mut outgoing = session_audio(&mut session, &self.waiting());
                        outgoing.extend(session.finalize());
                        outgoing
                    }
                    Command::Restart => return Ended::Restart,
                    // A live session hears that itself, and says what it hears.
                    Command::SpeechStarted | Command::SpeechEnded | Command::SoFar => continue,
                },
                () = sleep_until(keep_alive_at) => {
                    sent_at = Instant::now();
                    session.keep_alive()
                }
            };
            if !outgoing.is_empty() {
                sent_at = Instant::now();
            }
            if let Err(fault) = send(&mut socket, vendor, outgoing).await {
                return Ended::Fault(fault);
            }
        }
    }

    /// Follows the caller's voice.
    pub(super) fn follow(&mut self, command: Command) -> Command {
        match command {
            Command::SpeechStarted => (self.speaking, self.unheard) = (true, true),
            Command::SpeechEnded => self.speaking = false,
            Command::Flush | Command::SoFar | Command::Restart => {}
        }
        command
    }

    /// This frame and all that wait, as one piece.
    pub(super) fn gather(&mut self, first: Frame) -> Vec<i16> {
        self.kept.push(first);
        [first.to_vec(), self.waiting()].concat()
    }

    /// All frames that wait, as one piece.
    pub(super) fn waiting(&mut self) -> Vec<i16> {
        let mut samples = Vec::new();
        while let Ok(frame) = self.frames.try_recv() {
            samples.extend_from_slice(&frame);
            self.kept.push(frame);
        }
        samples
    }

    async fn hear(&mut self, session: &mut SttSocket, message: WsMessage) -> Result<(), Fault> {
        let events = session.decode(message)?;
        let vendor = self.chain[self.attempt.vendor()].vendor.vendor();
        self.hand_on(&events, vendor).await;
        Ok(())
    }

    /// Tells the dialogue what was heard.
    pub(super) async fn hand_on(&mut self, events: &[SttEvent], vendor: Vendor) {
        for (index, event) in events.iter().enumerate() {
            self.note(event, vendor).await;
            let spoken_out = matches!(events.get(index + 1), Some(SttEvent::EndOfSpeech { .. }));
            let merged = index > 0 && matches!(events[index - 1], SttEvent::Final(_));
            if let Some(input) = input_of(event, spoken_out, merged) {
                // A closed inbox means that the call is over; the frames end with it.
                let _ = self.inbox.send(Input::Stt(input)).await;
            }
        }
    }

    /// What an event means for the driver itself.
    async fn note(&mut self, event: &SttEvent, vendor: Vendor) {
        match event {
            SttEvent::Final(words) => {
                self.kept.settle(words.end_ms);
                self.unheard = false;
                if !words.text.trim().is_empty() {
                    self.vendors.worked(Kind::Stt, &self.places[self.attempt.vendor()]);
                    self.heard = true;
                    self.losses = 0;
                }
            }
            SttEvent::Ready { request_id } => debug!(%vendor, request_id, "recogniser ready"),
            SttEvent::Ignored(why) => return debug!(%vendor, why, "recogniser message ignored"),
            _ => {}
        }
        if std::mem::take(&mut self.outage) {
            let _ = self.inbox.send(Input::Stt(SttInput::Restored)).await;
        }
    }
}

/// The event in the dialogue's words. An end of speech that came in one message with final words is theirs.
fn input_of(event: &SttEvent, spoken_out: bool, merged: bool) -> Option<SttInput> {
    match event {
        SttEvent::Interim(words) => Some(SttInput::Interim { text: words.text.clone() }),
        SttEvent::Final(words) => {
            Some(SttInput::Final { text: words.text.clone(), speech_final: spoken_out })
        }
        SttEvent::SoFar(words) => Some(SttInput::SoFar { text: words.text.clone() }),
        SttEvent::EagerEndOfTurn(words) => Some(SttInput::EagerEnd { text: words.text.clone() }),
        SttEvent::TurnResumed => Some(SttInput::Resumed),
        SttEvent::EndOfTurn { .. } => Some(SttInput::EndOfTurn { text: None }),
        SttEvent::EndOfSpeech { .. } if !merged => Some(SttInput::EndOfTurn { text: None }),
        _ => None,
    }
}

fn session_audio(session: &mut SttSocket, samples: &[i16]) -> Vec<WsMessage> {
    session.audio(samples).into_iter().collect()
}

async fn send(socket: &mut WebSocket, vendor: Vendor, messages: Vec<WsMessage>) -> Result<(), Fault> {
    for message in messages {
        socket.send(message).await.map_err(|error| error.fault(vendor))?;
    }
    Ok(())
}

pub(super) async fn next_command(commands: &mut mpsc::Receiver<Command>) -> Command {
    match commands.recv().await {
        Some(command) => command,
        // The dialogue is gone; the frames end soon.
        None => pending().await,
    }
}
