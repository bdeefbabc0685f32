//! What a caller of this crate may choose.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

/// What we send. Receiving takes Opus and PCMU whatever is chosen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz: what a telephone plays in the end, and 300 times cheaper to encode.
    #[default]
    Pcmu,
    /// Opus, 16 kHz mono, 24 kbit/s: for callers who are not on a telephone (or on wideband SIP).
    Opus,
}

/// Who in the room is the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Caller {
    /// The first participant of kind SIP. Answered when its `sip.callStatus` becomes `active`.
    #[default]
    Sip,
    /// The first participant that is no agent. SIP participants as above; any other is answered when
    /// its first audio track is subscribed (browsers, load generators, tests).
    Anyone,
}

/// What ends the caller's leg when the SIP participant does not do it itself; see [`RoomOptions::hang_up`].
pub type HangUp = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Settings of one room.
pub struct RoomOptions {
    /// Address of livekit-server, `ws://` or `wss://`.
    pub url: String,
    /// Access token of our participant; room and identity are in it.
    pub token: String,
    /// What we send.
    pub codec: Codec,
    /// Who is the caller.
    pub caller: Caller,
    /// Called after [`line::LineCommand::HangUp`] when the caller is no SIP participant or did not
    /// hang up within [`crate::END_CALL_WAIT`]. Usually deletes the room.
    pub hang_up: Option<HangUp>,
    /// Time for the whole of a join: handshake, publication, media.
    pub join_within: Duration,
    /// Time for making a lost connection again, all attempts together.
    pub rejoin_within: Duration,
}

impl RoomOptions {
    /// Defaults: PCMU, a SIP caller, no hang-up hook, 10 s to join, 15 s to rejoin (livekit-sip keeps
    /// a caller in an abandoned room for about that long).
    #[must_use]
    pub fn new(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: token.into(),
            codec: Codec::default(),
            caller: Caller::default(),
            hang_up: None,
            join_within: Duration::from_secs(10),
            rejoin_within: Duration::from_secs(15),
        }
    }
}

impl fmt::Debug for RoomOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomOptions")
            .field("url", &self.url)
            .field("codec", &self.codec)
            .field("caller", &self.caller)
            .field("join_within", &self.join_within)
            .field("rejoin_within", &self.rejoin_within)
            .finish_non_exhaustive()
    }
}

/// Settings of the media threads.
#[derive(Debug, Clone, Default)]
pub struct MediaOptions {
    /// Number of media threads; `None`: one per core, at most 2.
    pub threads: Option<usize>,
    /// Local address of the media sockets, which livekit-server must be able to reach; `None`: the
    /// address this machine uses towards the server.
    pub address: Option<IpAddr>,
}
