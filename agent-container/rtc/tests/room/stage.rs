//! The servers, rooms of their own for each test, and what is in them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use line::LineEvent;
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_api::services::room::RoomClient;
use rtc::{Caller, Codec, Media, MediaOptions, Room, RoomOptions};
use servers::{Peer, Servers, ServersOptions};
use tokio::sync::OnceCell;

use crate::station::{Heard, ToneStation};

/// A busy machine may take this long for anything; nothing is measured by it. Longer than the 20 s for which livekit-server
/// keeps somebody whose goodbye got lost in it, as happens under load.
pub(crate) const SOON: Duration = Duration::from_secs(45);

/// One set of servers for all tests; it dies with the process.
static SERVERS: OnceCell<Servers> = OnceCell::const_new();
static ROOMS: AtomicUsize = AtomicUsize::new(0);

/// A room of one test.
pub(crate) struct Stage {
    pub(crate) servers: &'static Servers,
    pub(crate) room: String,
    pub(crate) media: Media,
}

/// Starts a set of servers in a directory of its own.
pub(crate) async fn start_servers(name: &str) -> Result<Servers> {
    let dir = servers::workspace_root().join("target/tmp/rtc").join(format!("{name}-{}", std::process::id()));
    Servers::start(ServersOptions::new(dir)).await
}

impl Stage {
    pub(crate) async fn new() -> Result<Self> {
        let servers = SERVERS.get_or_try_init(|| start_servers("shared")).await?;
        let room = format!("rtc-{}-{}", std::process::id(), ROOMS.fetch_add(1, Relaxed));
        Ok(Self { servers, room, media: Media::start(MediaOptions::default())? })
    }

    /// A participant nobody here wrote.
    pub(crate) async fn peer(&self, identity: &str) -> Result<Peer> {
        Peer::join(&self.servers.livekit_url(), &self.servers.token(&self.room, identity)?).await
    }

    /// Options of an agent in this room, for a caller who is no telephone.
    pub(crate) fn options(&self, identity: &str) -> Result<RoomOptions> {
        let grants = VideoGrants {
            room_join: true,
            room: self.room.clone(),
            can_update_own_metadata: Some(true),
            agent: true,
            ..VideoGrants::default()
        };
        let token = AccessToken::with_api_key(self.servers.api_key(), self.servers.api_secret())
            .with_identity(identity)
            .with_kind("agent")
            .with_grants(grants)
            .to_jwt()?;
        let options = RoomOptions::new(self.servers.livekit_url(), token);
        Ok(RoomOptions { caller: Caller::Anyone, ..options })
    }

    /// An agent that says a tone.
    pub(crate) fn join(&self, options: RoomOptions, hz: f64) -> Agent {
        let (station, heard) = ToneStation::new(hz);
        Agent { room: Room::join(&self.media, options, Box::new(station)), heard }
    }

    pub(crate) fn agent(&self, hz: f64, codec: Codec) -> Result<Agent> {
        Ok(self.join(RoomOptions { codec, ..self.options("agent")? }, hz))
    }

    pub(crate) fn api(&self) -> RoomClient {
        RoomClient::with_api_key(
            &self.servers.livekit_http_url(),
            self.servers.api_key(),
            self.servers.api_secret(),
        )
    }
}

/// One of ours in a room.
pub(crate) struct Agent {
    pub(crate) room: Room,
    pub(crate) heard: Heard,
}

impl Agent {
    /// Waits for an event that satisfies `wanted`; others pass.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&LineEvent) -> bool,
    ) -> Result<LineEvent> {
        let mut passed = Vec::new();
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let event = match tokio::time::timeout_at(deadline, self.room.line.events.recv()).await {
                Ok(event) => {
                    event.with_context(|| format!("the line closed before: {what}; passed {passed:?}"))?
                }
                Err(_) => bail!("not in time: {what}; passed {passed:?}"),
            };
            if wanted(&event) {
                return Ok(event);
            }
            passed.push(event);
        }
    }

    pub(crate) async fn ended(&mut self) -> Result<line::LineEnd> {
        match self.until("the end", |event| matches!(event, LineEvent::Ended(_))).await? {
            LineEvent::Ended(end) => Ok(end),
            other => bail!("{other:?}"),
        }
    }

    pub(crate) async fn command(&self, command: line::LineCommand) -> Result<()> {
        self.room.line.commands.send(command).await.context("the line takes no commands")
    }
}
