//! One call inside its media thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use line::{FRAME_SAMPLES, Frame, Station};
use str0m::media::Mid;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::connection::{Connection, Happening};
use crate::ears::Ears;
use crate::mouth::Mouth;
use crate::negotiation::Role;
use crate::pace::{BURST, Pace};
use crate::stats::CallStats;

/// News waiting for the room's task beyond its channel. Data messages are dropped when it is full (and
/// counted); the few other kinds are always kept.
const MAX_WAITING_NEWS: usize = 256;
/// Data messages waiting for an open channel or room in it; the newest is dropped when it is full (and counted).
const MAX_WAITING_DATA: usize = 64;

/// Datagrams read from one socket in one go, so that a flood on one call leaves time for the others.
/// What is left over is read when the next one arrives.
const DATAGRAMS_AT_ONCE: usize = 64;

/// What a media thread tells the room's task.
#[derive(Debug)]
pub(crate) enum News {
    /// Our answer to the server's offer of this id.
    Answer {
        offer_id: u32,
        sdp: String,
    },
    /// The offer of this id could not be used.
    OfferFailed {
        offer_id: u32,
        reason: String,
    },
    Up(Role),
    /// Reliable data passes.
    ChannelOpen,
    Down(Role, String),
    Data(Vec<u8>),
    /// The call's own code panicked; the call is gone.
    Panicked,
}

/// What the room's task asks of a media thread.
#[derive(Debug)]
pub(crate) enum Action {
    /// Takes a connection in use; an older one of the same role is closed.
    Attach(Box<Connection>),
    ApplyAnswer {
        sdp: String,
    },
    ApplyOffer {
        id: u32,
        sdp: String,
    },
    AddCandidate(Role, String),
    /// Which section is the caller's, and a number that differs for every track.
    Listen {
        mid: Option<String>,
        stream: u32,
    },
    Send {
        bytes: Vec<u8>,
        reliable: bool,
    },
    Mute(bool),
    /// Closes the connections; the station stays.
    Detach,
}

/// Everything of one call that its media thread touches.
pub(crate) struct Call {
    station: Box<dyn Station>,
    stats: Arc<CallStats>,
    news: mpsc::Sender<(u32, News)>,
    waiting_news: VecDeque<(u32, News)>,
    pub(crate) connections: [Option<Box<Connection>>; 2],
    ears: Ears,
    mouth: Mouth,
    pace: Pace,
    caller_mid: Option<Mid>,
    stream: u32,
    muted: bool,
    waiting_data: VecDeque<(Vec<u8>, bool)>,
}

impl Call {
    pub(crate) fn new(
        station: Box<dyn Station>,
        mouth: Mouth,
        stats: Arc<CallStats>,
        news: mpsc::Sender<(u32, News)>,
    ) -> Self {
        Self {
            station,
            stats,
            news,
            waiting_news: VecDeque::new(),
            connections: [None, None],
            ears: Ears::default(),
            mouth,
            pace: Pace::default(),
            caller_mid: None,
            stream: 0,
            muted: false,
            waiting_data: VecDeque::new(),
        }
    }

    /// Whether nobody wants its news any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.news.is_closed()
    }

    /// Everything but attaching and detaching, which concern the poll set.
    pub(crate) fn act(&mut self, action: Action) {
        match action {
            Action::ApplyAnswer { sdp } => self.apply_answer(&sdp),
            Action::ApplyOffer { id, sdp } => self.apply_offer(id, &sdp),
            Action::AddCandidate(role, candidate) => {
                if let Some(connection) = self.connection(role) {
                    connection.add_candidate(&candidate);
                    self.drain(role);
                }
            }
            Action::Listen { mid, stream } => {
                self.caller_mid = mid.map(|mid| Mid::from(mid.as_str()));
                self.stream = stream;
            }
            Action::Send { bytes, reliable } => {
                if self.waiting_data.len() < MAX_WAITING_DATA {
                    self.waiting_data.push_back((bytes, reliable));
                } else {
                    self.stats.data_dropped.fetch_add(1, Relaxed);
                }
                self.send_waiting_data();
            }
            Action::Mute(muted) => self.muted = muted,
            Action::Attach(_) | Action::Detach => {}
        }
    }

    /// Reads a connection's socket.
    pub(crate) fn receive(&mut self, role: Role) {
        for _ in 0..DATAGRAMS_AT_ONCE {
            if self.connection(role).and_then(Connection::receive).is_none() {
                return;
            }
            self.drain(role);
        }
    }

    /// Takes a connection of a new session in use; what was agreed in the old one is void.
    pub(crate) fn adopt(&mut self, connection: Box<Connection>) {
        match connection.role {
            Role::Publisher => {
                self.muted = false;
                self.pace.restart();
            }
            Role::Subscriber => self.caller_mid = None,
        }
        let role = connection.role as usize;
        self.connections[role] = Some(connection);
    }

    /// Lets a connection's timers run.
    pub(crate) fn wake(&mut self, role: Role, now: Instant) {
        if let Some(connection) = self.connection(role).filter(|connection| connection.due <= now) {
            connection.wake(now);
            self.drain(role);
        }
    }

    /// 20 ms passed on the thread's clock; `due` is when they should have.
    pub(crate) fn tick(&mut self, due: Instant) {
        self.ears.tick(self.station.as_mut(), &self.stats);
        self.speak(due);
        self.send_waiting_data();
        self.send_waiting_news();
    }

    /// The thread was held up for too long to make good for this tick.
    pub(crate) fn skip_tick(&mut self) {
        self.stats.ticks_skipped.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&mut self) {
        let session = self.connections.iter().flatten().map(|c| c.session).max().unwrap_or(0);
        self.tell(session, News::Panicked);
    }

    fn connection(&mut self, role: Role) -> Option<&mut Connection> {
        self.connections[role as usize].as_deref_mut()
    }

    fn apply_answer(&mut self, sdp: &str) {
        let Some(connection) = self.connection(Role::Publisher) else { return };
        let session = connection.session;
        match connection.apply_answer(sdp) {
            Ok(()) => self.drain(Role::Publisher),
            Err(reason) => self.tell(session, News::Down(Role::Publisher, reason)),
        }
    }

    fn apply_offer(&mut self, offer_id: u32, sdp: &str) {
        let Some(connection) = self.connection(Role::Subscriber) else { return };
        let session = connection.session;
        match connection.apply_offer(sdp) {
            Ok(sdp) => {
                self.drain(Role::Subscriber);
                self.tell(session, News::Answer { offer_id, sdp });
            }
            Err(reason) => self.tell(session, News::OfferFailed { offer_id, reason }),
        }
    }

    /// Until the connection has nothing more to say.
    fn drain(&mut self, role: Role) {
        while let Some((session, happening)) =
            self.connection(role).and_then(|c| Some((c.session, c.poll()?)))
        {
            match happening {
                Happening::Audio(audio) if Some(audio.mid) == self.caller_mid => {
                    self.ears.packet(&audio, self.stream, self.station.as_mut(), &self.stats);
                }
                Happening::Audio(_) => {}
                Happening::Data(bytes) => self.tell(session, News::Data(bytes)),
                Happening::Up => self.tell(session, News::Up(role)),
                Happening::Down(reason) => self.tell(session, News::Down(role, reason)),
                Happening::ChannelOpen => self.tell(session, News::ChannelOpen),
            }
        }
    }

    /// Begins a speech between two ticks, when the track rests and there is something to say: whether it did.
    pub(crate) fn begin_speech(&mut self, due: Instant) -> bool {
        if !self.pace.is_resting() || self.muted || !self.may_speak() {
            return false;
        }
        let mut frame = [0; FRAME_SAMPLES];
        if !self.station.speak(&mut frame) {
            return false;
        }
        self.pace.begin();
        self.send_frame(due, Some(&frame));
        for _ in 1..BURST {
            if !self.station.speak(&mut frame) {
                break;
            }
            self.pace.run_ahead();
            self.send_frame(due, Some(&frame));
        }
        self.drain(Role::Publisher);
        true
    }

    fn speak(&mut self, due: Instant) {
        if !self.may_speak() || self.begin_speech(due) {
            return;
        }
        let mut frame = [0; FRAME_SAMPLES];
        let speaks = self.station.speak(&mut frame);
        let sends = self.pace.tick(speaks);
        if self.muted || !sends {
            return;
        }
        self.send_frame(due, speaks.then_some(&frame));
        self.drain(Role::Publisher);
    }

    fn may_speak(&self) -> bool {
        self.connections[Role::Publisher as usize].as_ref().is_some_and(|connection| connection.is_up())
    }

    /// `None` is silence.
    fn send_frame(&mut self, due: Instant, frame: Option<&Frame>) {
        let Some(connection) = self.connections[Role::Publisher as usize].as_deref_mut() else { return };
        let Ok(payload) = self.mouth.encode(frame) else { return };
        if connection.send_audio(due, self.pace.ahead(), payload) {
            self.stats.frames_out.fetch_add(1, Relaxed);
        }
    }

    fn send_waiting_data(&mut self) {
        let Some(connection) = self.connections[Role::Publisher as usize].as_deref_mut() else { return };
        let before = self.waiting_data.len();
        while let Some((bytes, reliable)) = self.waiting_data.front() {
            if !connection.is_up() || !connection.send_data(bytes, *reliable) {
                break;
            }
            self.waiting_data.pop_front();
        }
        if self.waiting_data.len() < before {
            self.drain(Role::Publisher);
        }
    }

    fn tell(&mut self, session: u32, news: News) {
        self.send_waiting_news();
        let is_data = matches!(news, News::Data(_));
        if self.waiting_news.is_empty() {
            match self.news.try_send((session, news)) {
                Err(TrySendError::Full(news)) => self.waiting_news.push_back(news),
                Ok(()) | Err(TrySendError::Closed(_)) => {}
            }
        } else if is_data && self.waiting_news.len() >= MAX_WAITING_NEWS {
            self.stats.data_dropped.fetch_add(1, Relaxed);
        } else {
            self.waiting_news.push_back((session, news));
        }
    }

    fn send_waiting_news(&mut self) {
        while let Some(news) = self.waiting_news.pop_front() {
            if let Err(TrySendError::Full(news)) = self.news.try_send(news) {
                self.waiting_news.push_front(news);
                return;
            }
        }
    }
}
