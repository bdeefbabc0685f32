//! Synthesis over one WebSocket for all utterances of a call.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use speech::{ContextId, Fault, FaultKind, Kind, Tts, TtsConfig, TtsEvent, TtsSocket, Vendor, WsMessage};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::{Command, Event, EventKind};
use crate::net::websocket::WebSocket;

/// Pause before a lost idle connection is made again; doubles with every failure up to [`LONGEST_PAUSE`]. Something to say
/// ends it at once.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// A vendor that refuses is not asked more often than that for nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The task of one vendor's socket.
#[derive(Debug)]
pub(super) struct SocketTask {
    config: TtsConfig,
    vendor: Vendor,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    /// Utterances the vendor works on.
    open: BTreeSet<ContextId>,
    /// Commands that wait for a connection, or for room on it.
    waiting: VecDeque<Command>,
}

/// An open connection.
struct Connection {
    session: TtsSocket,
    socket: WebSocket,
    opened_at: Instant,
    sent_at: Instant,
}

/// Why a connection was given up.
enum Ended {
    Call,
    Fault(Fault),
    /// It is old, or full of cancelled utterances.
    Replace,
}

impl SocketTask {
    pub(super) fn new(
        config: TtsConfig,
        vendor: Vendor,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self { config, vendor, commands, events, open: BTreeSet::new(), waiting: VecDeque::new() }
    }

    pub(super) async fn run(mut self) {
        let mut pause = RECONNECT_AFTER;
        loop {
            let ended = match self.connect().await {
                Ok(connection) => {
                    pause = RECONNECT_AFTER;
                    self.serve(connection).await
                }
                Err(fault) => Ended::Fault(fault),
            };
            match ended {
                Ended::Call => return,
                Ended::Replace => debug!(vendor = %self.vendor, "synthesis connection replaced"),
                Ended::Fault(fault) => {
                    self.fail_all(&fault).await;
                    if self.idle(pause).await.is_none() {
                        return;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let Tts::Socket(session) = Tts::new(self.config.clone()) else {
            return Err(Fault::new(self.vendor, FaultKind::Refused, "", "not spoken over a socket"));
        };
        let socket = WebSocket::connect(&session.connect(), Kind::Tts.deadlines().connect)
            .await
            .map_err(|error| error.fault(self.vendor))?;
        let now = Instant::now();
        Ok(Connection { session, socket, opened_at: now, sent_at: now })
    }

    /// Every utterance of the lost connection, and every one that waited for it, fails.
    async fn fail_all(&mut self, fault: &Fault) {
        let begun = self.waiting.drain(..).filter_map(|command| match command {
            Command::Begin(context) => Some(context),
            _ => None,
        });
        let lost: Vec<ContextId> = std::mem::take(&mut self.open).into_iter().chain(begun).collect();
        if lost.is_empty() {
            debug!(%fault, "idle synthesis connection lost");
        }
        for context in lost {
            self.tell(context, EventKind::Failed(fault.clone())).await;
        }
    }

    /// Waits before the next connection: for a moment, or for something to say.
    async fn idle(&mut self, pause: Duration) -> Option<()> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Some(()),
                command = self.commands.recv() => {
                    // Anything else is for utterances that failed.
                    let command = command?;
                    if matches!(command, Command::Begin(_)) {
                        self.waiting.push_back(command);
                        return Some(());
                    }
                }
            }
        }
    }

    async fn serve(&mut self, mut on: Connection) -> Ended {
        loop {
            match self.send_waiting(&mut on).await {
                Ok(true) => {}
                Ok(false) => return Ended::Replace,
                Err(fault) => return Ended::Fault(fault),
            }
            if self.open.is_empty() && on.opened_at.elapsed() > on.session.retire_after() {
                return Ended::Replace;
            }
            let keep_alive_at = on.sent_at + on.session.keep_alive_after();
            let served = tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.waiting.push_back(command);
                        Ok(())
                    }
                    None => {
                        let goodbye = on.session.close();
                        let _ = self.send(&mut on, goodbye).await;
                        return Ended::Call;
                    }
                },
                message = on.socket.next() => self.receive(&mut on, message).await,
                () = sleep_until(keep_alive_at) => {
                    let messages = on.session.keep_alive();
                    on.sent_at = Instant::now();
                    self.send(&mut on, messages).await
                }
            };
            if let Err(fault) = served {
                return Ended::Fault(fault);
            }
        }
    }

    /// Sends the commands that wait, in order. `false`: there is no room and never will be.
    async fn send_waiting(&mut self, on: &mut Connection) -> Result<bool, Fault> {
        while let Some(command) = self.waiting.pop_front() {
            let messages = match &command {
                Command::Begin(context) => match on.session.open(*context) {
                    Some(messages) => {
                        self.open.insert(*context);
                        messages
                    }
                    None => {
                        self.waiting.push_front(command);
                        // With a live utterance there, room comes when it is done.
                        return Ok(!self.open.is_empty());
                    }
                },
                Command::Text(context, text) => {
                    let mut messages = on.session.text(*context, text);
                    messages.extend(on.session.flush(*context, on.opened_at.elapsed()));
                    messages
                }
                Command::End(context) => on.session.finish(*context),
                Command::Cancel(context) => {
                    self.open.remove(context);
                    on.session.cancel(*context)
                }
            };
            self.send(on, messages).await?;
        }
        Ok(true)
    }

    async fn send(&self, on: &mut Connection, messages: Vec<WsMessage>) -> Result<(), Fault> {
        for message in messages {
            on.sent_at = Instant::now();
            on.socket.send(message).await.map_err(|error| error.fault(self.vendor))?;
        }
        Ok(())
    }

    async fn receive(&mut self, on: &mut Connection, message: WsMessage) -> Result<(), Fault> {
        for event in on.session.decode(message)? {
            let (context, kind) = match event {
                TtsEvent::Audio { context, sample_rate, samples } => {
                    (context, EventKind::Audio { sample_rate, samples })
                }
                TtsEvent::Alignment { context, chars } => (context, EventKind::Chars(chars)),
                TtsEvent::Done { context } => {
                    self.open.remove(&context);
                    (context, EventKind::Done)
                }
                TtsEvent::Lost { context, fault } => {
                    self.open.remove(&context);
                    (context, EventKind::Failed(fault))
                }
                TtsEvent::Flushed { .. } => continue,
                TtsEvent::Closed => return Err(Fault::disconnected(self.vendor, "closed")),
                TtsEvent::Ignored(why) => {
                    debug!(vendor = %self.vendor, why, "synthesis message ignored");
                    continue;
                }
            };
            self.tell(context, kind).await;
        }
        Ok(())
    }

    async fn tell(&self, context: ContextId, kind: EventKind) {
        // A closed channel means that the call is over.
        let _ = self.events.send(Event { context, kind }).await;
    }
}
