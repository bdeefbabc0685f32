//! One call in one room, over as many sessions as it takes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use line::{CHANNEL_BOUND, Line, LineCommand, LineDriver, LineEnd, LineEvent, Station};
use tokio::time::{Instant, sleep};

use crate::call::Action;
use crate::call_state::CallState;
use crate::ending::{Ending, call_hook};
use crate::media::{Media, MediaCall};
use crate::options::{Codec, RoomOptions};
use crate::outbox::Outbox;
use crate::session::{Session, SessionEnd, Target};
use crate::signalling::JoinError;
use crate::stats::CallStats;

/// How long a SIP caller may take to hang up when asked to, before [`RoomOptions::hang_up`] is called.
pub const END_CALL_WAIT: Duration = Duration::from_secs(1);

/// One attempt to join; several fit into the time for all.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(4);
/// Pauses between attempts: doubled each time, and spread so that calls do not come back all at once.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A room that is being joined, or is joined, or was left: [`Line::events`] tells.
#[derive(Debug)]
pub struct Room {
    /// Events and commands. Dropping it leaves the room.
    pub line: Line,
    /// Counters of the call's media.
    pub stats: Arc<CallStats>,
}

impl Room {
    /// Joins in the background; must be called inside a tokio runtime. A failure is the event
    /// [`LineEvent::Ended`] with [`LineEnd::SetupFailed`].
    ///
    /// `station` is driven by a media thread from now on: `hear` for every 20 ms from the caller's first
    /// packet until the end, as soon as they arrive (concealed speech, then silence, where nothing came);
    /// `speak` every 20 ms while there is a connection to send on. It is dropped when the line ends. A panic
    /// in it ends this line only, with [`LineEnd::ConnectionLost`].
    #[must_use]
    pub fn join(media: &Media, options: RoomOptions, station: Box<dyn Station>) -> Self {
        let (line, driver) = Line::pair();
        let stats = Arc::new(CallStats::default());
        tokio::spawn(run(media.clone(), options, station, driver, stats.clone()));
        Self { line, stats }
    }
}

async fn run(
    media: Media,
    options: RoomOptions,
    station: Box<dyn Station>,
    driver: LineDriver,
    stats: Arc<CallStats>,
) {
    let outbox = Outbox::new(driver.events, stats.clone());
    let call = match media.open(station, options.codec, stats.clone()).await {
        Ok(call) => call,
        Err(error) => {
            tracing::error!(%error, "no encoder for the call");
            return outbox.finish(LineEvent::Ended(LineEnd::SetupFailed)).await;
        }
    };
    let mut life = Life {
        url: options.url.clone(),
        codec: options.codec,
        address: media.address,
        join_within: options.join_within,
        rejoin_within: options.rejoin_within,
        stats,
        state: CallState::new(call, driver.commands, outbox, options),
    };
    let end = life.live().await;
    tracing::info!(?end, "line ended");
    let CallState { call, outbox, .. } = life.state;
    MediaCall::close(call).await;
    outbox.finish(LineEvent::Ended(end)).await;
}

/// A call from its first join to its end.
struct Life {
    url: String,
    codec: Codec,
    address: Option<IpAddr>,
    join_within: Duration,
    rejoin_within: Duration,
    stats: Arc<CallStats>,
    state: CallState,
}

impl Life {
    async fn live(&mut self) -> LineEnd {
        let mut deadline = Instant::now() + self.join_within;
        let mut pause = Duration::ZERO;
        loop {
            let before = self.state.established;
            let reason = match self.session(deadline, pause).await {
                SessionEnd::Over(end) => return end,
                SessionEnd::Lost(reason) => reason,
            };
            tracing::warn!(%reason, "connection lost");
            self.state.call.act(Action::Detach).await;
            if self.state.ending != Ending::Not {
                let _ = call_hook(&mut self.state);
                return LineEnd::WeLeft;
            }
            if self.state.established > before {
                // The old trouble was over; this is a new one.
                deadline = Instant::now() + self.rejoin_within;
                pause = Duration::ZERO;
                self.state.outbox.push(LineEvent::Lost);
            } else {
                pause = spread((pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE));
            }
            if Instant::now() + pause >= deadline {
                return self.failed();
            }
        }
    }

    /// One session, from the attempt to join to its end.
    async fn session(&mut self, deadline: Instant, pause: Duration) -> SessionEnd {
        self.state.session += 1;
        let (joined, leave) = self.join(deadline, pause).await;
        match (joined, leave) {
            (Ok(session), None) => {
                self.stats.rejoins.fetch_add(u64::from(self.state.established > 0), Relaxed);
                session.run(&mut self.state).await
            }
            (Ok(session), Some(end)) => {
                session.leave().await;
                SessionEnd::Over(end)
            }
            (Err(_), Some(end)) => SessionEnd::Over(end),
            (Err(JoinError::Refused(reason)), None) => {
                tracing::error!(%reason, "the server refuses us");
                SessionEnd::Over(self.failed())
            }
            (Err(JoinError::Transient(reason)), None) => SessionEnd::Lost(reason),
        }
    }

    /// Joins, and minds the commands meanwhile. An attempt is never dropped half-way: the socket would
    /// live on without anybody to close it. Gives what came of it, and the end if one was commanded.
    async fn join(
        &mut self,
        deadline: Instant,
        pause: Duration,
    ) -> (Result<Session, JoinError>, Option<LineEnd>) {
        let CallState { call, commands, outbox, token, attributes, hang_up, session, deferred, .. } =
            &mut self.state;
        let (url, codec, address) = (&self.url, self.codec, self.address);
        let attempt = async {
            sleep(pause).await;
            let within = deadline.saturating_duration_since(Instant::now()).min(ATTEMPT_WITHIN);
            let address = local_address(url, address, within).await?;
            let target = Target { url, address, codec, within, session: *session };
            Session::join(&target, token, call, attributes).await
        };
        let mut attempt = std::pin::pin!(attempt);
        let mut end = None;
        loop {
            tokio::select! {
                joined = &mut attempt => return (joined, end),
                command = commands.recv(), if end.is_none() && deferred.len() < CHANNEL_BOUND => match command {
                    Some(LineCommand::HangUp) => {
                        if let Some(hook) = hang_up.take() {
                            tokio::spawn(hook());
                        }
                        end = Some(LineEnd::WeLeft);
                    }
                    Some(LineCommand::Leave) | None => end = Some(LineEnd::WeLeft),
                    Some(later) => deferred.push_back(later),
                },
                () = outbox.flush(), if !outbox.is_empty() => {}
            }
        }
    }

    fn failed(&self) -> LineEnd {
        if self.state.established > 0 { LineEnd::ConnectionLost } else { LineEnd::SetupFailed }
    }
}

/// Between half and all of a pause.
pub(crate) fn spread(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

/// The address our media sockets bind to: the chosen one, or the one the system would use towards the server.
pub(crate) async fn local_address(
    url: &str,
    chosen: Option<IpAddr>,
    within: Duration,
) -> Result<IpAddr, JoinError> {
    if let Some(address) = chosen {
        return Ok(address);
    }
    let uri: http::Uri =
        url.parse().map_err(|_| JoinError::Refused("the server's address is no URL".into()))?;
    let host = uri.host().ok_or_else(|| JoinError::Refused("the server's address names no host".into()))?;
    let secure = matches!(uri.scheme_str(), Some("wss" | "https"));
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    // A literal IPv6 address wears brackets in a URL.
    let host = host.trim_matches(['[', ']']);
    let transient = |error: io::Error| JoinError::Transient(error.to_string());
    let lookup = tokio::time::timeout(within, tokio::net::lookup_host((host, port)));
    let timeout = |_| JoinError::Transient("the server's name was not resolved in time".into());
    let found: Vec<SocketAddr> = lookup.await.map_err(timeout)?.map_err(transient)?.collect();
    // livekit-server offers IPv4 candidates wherever it has an IPv4 address.
    let server = found.iter().find(|address| address.is_ipv4()).or(found.first());
    let server = server.ok_or_else(|| JoinError::Transient("the server's name has no address".into()))?;
    source_towards(*server).map_err(transient)
}

/// Connecting a UDP socket sends nothing; it only chooses the route.
fn source_towards(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::local_address;

    #[tokio::test]
    async fn the_media_address_is_the_one_towards_the_server() {
        let address = async |url: &str| {
            local_address(url, None, Duration::from_secs(5)).await.ok().map(|ip| ip.to_string())
        };
        assert_eq!(address("ws://127.0.0.1:7880").await, Some("127.0.0.1".into()));
        assert_eq!(address("wss://127.0.0.1/path").await, Some("127.0.0.1".into()));
        assert_eq!(address("no url").await, None);
    }
}
