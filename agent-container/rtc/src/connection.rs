//! One peer connection: str0m on one UDP socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::format::Codec as WireCodec;
use str0m::media::{Direction, Frequency, MediaData, MediaKind, MediaTime, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use crate::negotiation::Role;
use crate::options::Codec;

/// Labels of LiveKit's two data channels.
const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";
/// A gone server is noticed after about 6 s (0.25 + 0.5 + 1 + 2 + 2): str0m's own settings take 20 s,
/// longer than livekit-sip keeps a caller.
const STUN_RETRANSMITS: usize = 4;
const STUN_MAX_RTO: Duration = Duration::from_secs(2);
/// A connection whose reliable channel has not opened this long after it came up is not waited for any more.
const CHANNELS_WITHIN: Duration = Duration::from_secs(2);
/// Any UDP datagram fits.
const DATAGRAM_BYTES: usize = 2048;
/// Errors of earlier sends (ICMP) skipped in one go.
const MAX_ERRORS: usize = 64;
/// Steps of str0m in one go; it settles within a few, and a loop here would hold up every call.
const MAX_STEPS: usize = 10_000;
/// "Never" for a connection that is down.
const FAR_FUTURE: Duration = Duration::from_secs(3600);
/// Of a frame of audio.
const FRAME: Duration = Duration::from_millis(line::FRAME_MS as u64);

/// What a connection tells its call.
#[derive(Debug)]
pub(crate) enum Happening {
    /// ICE and DTLS are up.
    Up,
    /// The connection is of no use any more; said once.
    Down(String),
    /// A packet of audio.
    Audio(Box<MediaData>),
    /// A packet on a data channel.
    Data(Vec<u8>),
    /// The reliable channel is open: data can be sent, and comes.
    ChannelOpen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Up,
    Down,
}

/// What we send over a connection.
#[derive(Debug)]
struct Sending {
    mid: Mid,
    codec: Codec,
    pt: Option<Pt>,
    /// When the first frame was due: media time 0.
    epoch: Option<Instant>,
}

/// One peer connection of one session.
pub(crate) struct Connection {
    pub(crate) role: Role,
    /// Counts the sessions of a call, so that news of an old one can be told apart.
    pub(crate) session: u32,
    rtc: Rtc,
    pub(crate) socket: UdpSocket,
    address: SocketAddr,
    state: State,
    /// When str0m wants to be called.
    pub(crate) due: Instant,
    pending: Option<SdpPendingOffer>,
    sending: Option<Sending>,
    up_at: Option<Instant>,
    reliable: Option<ChannelId>,
    lossy: Option<ChannelId>,
    complained: bool,
    /// Kept by the thread: in which of its poll sets the socket is.
    pub(crate) watched_eagerly: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// What we send, and the offer for it.
    pub(crate) fn publisher(
        at: IpAddr,
        session: u32,
        codec: Codec,
        stream: &str,
        cid: &str,
    ) -> io::Result<(Self, String)> {
        let config =
            config().enable_opus(codec == Codec::Opus, false).enable_pcmu(codec == Codec::Pcmu, false);
        let mut connection = Self::new(Role::Publisher, session, config, at)?;
        let mut changes = connection.rtc.sdp_api();
        changes.add_channel_with_config(ChannelConfig {
            label: RELIABLE.into(),
            ordered: true,
            ..Default::default()
        });
        changes.add_channel_with_config(ChannelConfig {
            label: LOSSY.into(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..Default::default()
        });
        let (stream, track) = (Some(stream.to_owned()), Some(cid.to_owned()));
        let mid = changes.add_media(MediaKind::Audio, Direction::SendOnly, stream, track, None);
        let (offer, pending) = changes.apply().ok_or_else(|| io::Error::other("no offer was made"))?;
        connection.pending = Some(pending);
        connection.sending = Some(Sending { mid, codec, pt: None, epoch: None });
        Ok((connection, offer.to_sdp_string()))
    }

    /// What we hear; the server offers.
    pub(crate) fn subscriber(at: IpAddr, session: u32) -> io::Result<Self> {
        Self::new(Role::Subscriber, session, config().enable_opus(true, false).enable_pcmu(true, false), at)
    }

    fn new(role: Role, session: u32, config: RtcConfig, at: IpAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(at, 0))?;
        let address = socket.local_addr()?;
        let now = Instant::now();
        let mut rtc = config.build(now);
        let candidate = Candidate::host(address, "udp").map_err(io::Error::other)?;
        rtc.add_local_candidate(candidate)
            .ok_or_else(|| io::Error::other("the host candidate was refused"))?;
        Ok(Self {
            role,
            session,
            rtc,
            socket,
            address,
            state: State::Connecting,
            due: now,
            pending: None,
            sending: None,
            up_at: None,
            reliable: None,
            lossy: None,
            complained: false,
            watched_eagerly: false,
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Still being made: its data channels take round trips, too.
    pub(crate) fn is_connecting(&self) -> bool {
        match self.state {
            State::Connecting => true,
            State::Up => {
                self.reliable.is_none() && self.up_at.is_some_and(|at| at.elapsed() < CHANNELS_WITHIN)
            }
            State::Down => false,
        }
    }

    pub(crate) fn apply_answer(&mut self, sdp: &str) -> Result<(), String> {
        let answer =
            SdpAnswer::from_sdp_string(sdp).map_err(|error| format!("unreadable answer: {error}"))?;
        let pending = self.pending.take().ok_or("an answer to no offer")?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| format!("unusable answer: {error}"))
    }

    pub(crate) fn apply_offer(&mut self, sdp: &str) -> Result<String, String> {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| format!("unreadable offer: {error}"))?;
        let answer =
            self.rtc.sdp_api().accept_offer(offer).map_err(|error| format!("unusable offer: {error}"))?;
        Ok(answer.to_sdp_string())
    }

    pub(crate) fn add_candidate(&mut self, candidate: &str) {
        match Candidate::from_sdp_string(candidate) {
            Ok(candidate) => self.rtc.add_remote_candidate(candidate),
            // The others may still do.
            Err(error) => tracing::debug!(%error, "unusable candidate ignored"),
        }
    }

    /// Reads a datagram that arrived and gives it to str0m; call [`Connection::poll`] after each
    /// `Some(())`. `None`: nothing more for now.
    pub(crate) fn receive(&mut self) -> Option<()> {
        let mut buffer = [0; DATAGRAM_BYTES];
        for _ in 0..MAX_ERRORS {
            let (length, from) = match self.socket.recv_from(&mut buffer) {
                Ok(datagram) => datagram,
                // An ICMP error of an earlier send; the socket stays readable.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return None,
            };
            // What is neither STUN, DTLS nor SRTP is nobody's.
            let Ok(received) = Receive::new(Protocol::Udp, from, self.address, &buffer[..length]) else {
                continue;
            };
            if self.state == State::Down {
                continue;
            }
            if let Err(error) = self.rtc.handle_input(Input::Receive(Instant::now(), received)) {
                // A single bad datagram may be anybody's: str0m goes on.
                tracing::debug!(%error, "datagram refused");
            }
            return Some(());
        }
        None
    }

    /// Time has come to [`Connection::due`].
    pub(crate) fn wake(&mut self, now: Instant) {
        if self.state != State::Down && self.due <= now {
            // Errors come out of `poll` again.
            let _ = self.rtc.handle_input(Input::Timeout(now));
        }
    }

    /// Sends what is to be sent; gives the next thing to tell. `None`: settled until [`Connection::due`].
    pub(crate) fn poll(&mut self) -> Option<Happening> {
        if self.state == State::Down {
            return None;
        }
        for _ in 0..MAX_STEPS {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(datagram)) => {
                    // A full socket buffer loses the packet, as the network might.
                    let _ = self.socket.send_to(&datagram.contents, datagram.destination);
                }
                Ok(Output::Event(event)) => {
                    if let Some(happening) = self.take(event) {
                        return Some(happening);
                    }
                }
                Ok(Output::Timeout(due)) => {
                    let now = Instant::now();
                    if !self.rtc.is_alive() {
                        return Some(self.down("closed by the server".into()));
                    }
                    if due > now {
                        self.due = due;
                        return None;
                    }
                    if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
                        return Some(self.down(error.to_string()));
                    }
                }
                Err(error) => return Some(self.down(error.to_string())),
            }
        }
        Some(self.down("str0m does not settle".into()))
    }

    /// One frame of ours, `due` on the grid of ticks and `ahead` frames before its time: media time is counted from there, never
    /// from now.
    pub(crate) fn send_audio(&mut self, due: Instant, ahead: u32, payload: Arc<[u8]>) -> bool {
        let Some(sending) = &mut self.sending else { return false };
        let Some(writer) = self.rtc.writer(sending.mid) else { return false };
        let wire = wire_codec(sending.codec);
        let pt =
            sending.pt.or_else(|| writer.payload_params().find(|p| p.spec().codec == wire).map(|p| p.pt()));
        let Some(pt) = pt else {
            if !std::mem::replace(&mut self.complained, true) {
                tracing::error!(codec = ?sending.codec, "the server does not take our codec: the caller hears nothing");
            }
            return false;
        };
        sending.pt = Some(pt);
        let epoch = *sending.epoch.get_or_insert(due);
        let since_epoch = due.saturating_duration_since(epoch) + FRAME * ahead;
        let time = media_time(sending.codec, since_epoch);
        writer.write(pt, due, time, payload).is_ok()
    }

    /// `false`: the channel is not open, or has no room.
    pub(crate) fn send_data(&mut self, bytes: &[u8], reliable: bool) -> bool {
        let channel = if reliable { self.reliable } else { self.lossy };
        let channel = channel.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(true, bytes).unwrap_or(false))
    }

    /// Tells the server that nothing more will come.
    pub(crate) fn close(&mut self) {
        if self.state != State::Down && self.rtc.close().is_ok() {
            while self.poll().is_some() {}
        }
    }

    fn take(&mut self, event: Event) -> Option<Happening> {
        match event {
            Event::Connected => {
                self.state = State::Up;
                self.up_at = Some(Instant::now());
                Some(Happening::Up)
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                Some(self.down("no answer from the server's media port".into()))
            }
            Event::Closed => Some(self.down("closed by the server".into())),
            Event::MediaData(audio) => Some(Happening::Audio(Box::new(audio))),
            Event::ChannelData(data) => Some(Happening::Data(data.data)),
            Event::ChannelOpen(id, label) => {
                match label.as_str() {
                    RELIABLE => self.reliable = Some(id),
                    LOSSY => {
                        self.lossy = Some(id);
                        return None;
                    }
                    _ => return None,
                }
                Some(Happening::ChannelOpen)
            }
            _ => None,
        }
    }

    fn down(&mut self, reason: String) -> Happening {
        self.state = State::Down;
        self.due = Instant::now() + FAR_FUTURE;
        Happening::Down(reason)
    }
}

fn config() -> RtcConfig {
    let mut config = Rtc::builder().clear_codecs().set_reordering_size_audio(0);
    config.set_max_stun_rto(STUN_MAX_RTO);
    config.set_max_stun_retransmits(STUN_RETRANSMITS);
    config
}

fn wire_codec(codec: Codec) -> WireCodec {
    match codec {
        Codec::Pcmu => WireCodec::PCMU,
        Codec::Opus => WireCodec::Opus,
    }
}

/// RTP clocks: RFC 3551, section 4.5.14 (PCMU, 8 kHz) and RFC 7587, section 4.1 (Opus, always 48 kHz).
fn media_time(codec: Codec, since_epoch: Duration) -> MediaTime {
    let micros = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX / 48_000);
    let samples = |hz: u64| micros * hz / 1_000_000;
    match codec {
        Codec::Opus => MediaTime::new(samples(48_000), Frequency::FORTY_EIGHT_KHZ),
        Codec::Pcmu => MediaTime::new(samples(8_000), Frequency::EIGHT_KHZ),
    }
}
