//! The worker's socket: connects, feeds the [`Session`](super::session::Session), does what it asks.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use livekit_protocol as proto;
use prost::Message as _;
use speech::{WsMessage, WsRequest};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::load::CpuMeter;
use super::session::{Assignment, Input, JobEnd, Output, Session};
use crate::net::websocket::{ConnectError, Received, WebSocket};

/// Time for TCP, TLS and upgrade.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How often the CPU is measured; the mean over this is what is reported.
const CPU_INTERVAL: Duration = Duration::from_millis(1000);
/// A ping goes out this often, so that a dead connection shows.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Without any sign of life for this long the connection is dead.
const DEAD_AFTER: Duration = Duration::from_secs(16);

/// What the supervisor tells the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A call was announced ahead of its job.
    Announced(Assignment),
    /// The agent is in the room.
    JobRunning(String),
    /// The job is over.
    JobEnded(String, JobEnd),
    /// Take no more jobs.
    Drain,
}

/// What the worker tells the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server knows us.
    Registered,
    /// The server does not know us any more; calls go on.
    Lost,
    /// Calls can be announced to us, or not any more.
    Seated(bool),
    /// Serve this call.
    Start(Assignment),
    /// The server ended this job.
    Terminate {
        /// Which.
        job_id: String,
    },
}

/// Makes the request for the socket, with a fresh token each time.
pub type MakeRequest = Box<dyn Fn() -> WsRequest + Send>;

type Dialling = Pin<Box<dyn Future<Output = Result<WebSocket, ConnectError>> + Send>>;

/// The worker with its socket.
pub struct Link {
    session: Session,
    make_request: MakeRequest,
    events: mpsc::Sender<Event>,
    started: Instant,
    socket: Option<WebSocket>,
    dialling: Option<Dialling>,
    heard_at: Instant,
    cpu: CpuMeter,
}

impl Link {
    /// A worker that connects as soon as it runs.
    #[must_use]
    pub fn new(session: Session, make_request: MakeRequest, events: mpsc::Sender<Event>) -> Self {
        let now = Instant::now();
        let (socket, dialling, cpu) = (None, None, CpuMeter::default());
        Self { session, make_request, events, started: now, socket, dialling, heard_at: now, cpu }
    }

    /// Runs until `commands` closes.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut cpu_tick = tokio::time::interval(CPU_INTERVAL);
        let mut ping_tick = tokio::time::interval(PING_INTERVAL);
        self.step(Input::Tick).await;
        loop {
            let deadline = self.session.deadline().map(|at| self.started + at);
            tokio::select! {
                biased;
                received = next_frame(&mut self.socket) => self.receive(received).await,
                dialled = dial(&mut self.dialling) => self.dialled(dialled).await,
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                () = sleep_for(deadline) => self.step(Input::Tick).await,
                _ = cpu_tick.tick() => {
                    let share = self.cpu.sample();
                    self.step(Input::Cpu(share)).await;
                }
                _ = ping_tick.tick() => self.check_life().await,
            }
        }
        if let Some(socket) = self.socket.take() {
            socket.close().await;
        }
    }

    async fn command(&mut self, command: Command) {
        let input = match command {
            Command::Announced(assignment) => Input::Announced(assignment),
            Command::JobRunning(job_id) => Input::JobRunning(job_id),
            Command::JobEnded(job_id, end) => Input::JobEnded(job_id, end),
            Command::Drain => Input::Drain,
        };
        self.step(input).await;
    }

    async fn dialled(&mut self, dialled: Result<WebSocket, ConnectError>) {
        self.dialling = None;
        match dialled {
            Ok(socket) => {
                self.socket = Some(socket);
                self.heard_at = Instant::now();
                self.step(Input::Connected).await;
            }
            Err(error) => {
                warn!(%error, "no connection to LiveKit");
                self.step(Input::Lost).await;
            }
        }
    }

    async fn receive(&mut self, received: Received) {
        self.heard_at = Instant::now();
        let bytes = match received {
            Received::SignOfLife => return,
            Received::Message(WsMessage::Binary(bytes)) => bytes,
            Received::Message(WsMessage::Text(text)) => {
                debug!(bytes = text.len(), "text message from LiveKit ignored");
                return;
            }
            Received::Message(WsMessage::Close { code, .. }) => {
                return self.lose(&format!("closed with {code}")).await;
            }
        };
        match proto::ServerMessage::decode(bytes.as_slice()) {
            Ok(proto::ServerMessage { message: Some(message) }) => {
                self.step(Input::Message(Box::new(message))).await
            }
            Ok(_) => debug!("unknown message from LiveKit ignored"),
            Err(error) => warn!(%error, "unreadable message from LiveKit ignored"),
        }
    }

    async fn check_life(&mut self) {
        if self.socket.is_none() {
            return;
        }
        if self.heard_at.elapsed() > DEAD_AFTER {
            return self.lose("silent").await;
        }
        let Some(socket) = &mut self.socket else { return };
        if socket.ping().await.is_err() {
            self.lose("ping failed").await;
        }
    }

    async fn lose(&mut self, why: &str) {
        if self.socket.take().is_none() {
            return;
        }
        warn!(why, "connection to LiveKit lost");
        self.tell(Event::Lost).await;
        Box::pin(self.step(Input::Lost)).await;
    }

    /// One input, then everything that follows from it.
    async fn step(&mut self, input: Input) {
        self.session.handle(self.started.elapsed(), input);
        while let Some(output) = self.session.poll() {
            self.act(output).await;
        }
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::Connect => {
                let request = (self.make_request)();
                self.dialling =
                    Some(Box::pin(async move { WebSocket::connect(&request, CONNECT_WITHIN).await }));
            }
            Output::Disconnect => self.lose("asked to leave, or no answer to the registration").await,
            Output::Send(message) => self.send(*message).await,
            Output::Registered { worker_id } => {
                info!(worker_id, after_ms = millis(self.started.elapsed()), "registered with LiveKit");
                self.tell(Event::Registered).await;
            }
            Output::Start(assignment) => self.tell(Event::Start(assignment)).await,
            Output::Declined { job_id } => debug!(job_id, "announced call not taken"),
            Output::Terminate { job_id } => self.tell(Event::Terminate { job_id }).await,
            Output::OfferLapsed { job_id } => warn!(job_id, "accepted offer was not assigned"),
        }
    }

    async fn send(&mut self, message: proto::worker_message::Message) {
        let bytes = proto::WorkerMessage { message: Some(message) }.encode_to_vec();
        let Some(socket) = &mut self.socket else { return };
        if socket.send(WsMessage::Binary(bytes)).await.is_err() {
            self.lose("send failed").await;
        }
    }

    async fn tell(&mut self, event: Event) {
        // A closed channel means the process is ending.
        let _ = self.events.send(event).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn next_frame(socket: &mut Option<WebSocket>) -> Received {
    match socket {
        Some(socket) => socket.next_frame().await,
        None => pending().await,
    }
}

async fn dial(dialling: &mut Option<Dialling>) -> Result<WebSocket, ConnectError> {
    match dialling {
        Some(dialling) => dialling.await,
        None => pending().await,
    }
}

async fn sleep_for(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
