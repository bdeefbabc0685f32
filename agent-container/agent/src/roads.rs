//! How a job's line is made: a LiveKit room, or a test's.

use std::sync::Arc;

use dialogue::Road;
use domain::RoomName;
use line::{Line, Station};
use livekit::Client;
use rtc::{Caller, HangUp, Media, Room, RoomOptions};
use thiserror::Error;
use tracing::warn;

use crate::call::transfer::{RoomTransfers, Transfers};
use crate::media_meter::MediaMeter;
use crate::worker::session::Assignment;

/// A job that names no room we could join.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JoinError(pub String);

/// A line and what its road can do.
#[derive(Debug)]
pub struct Joined {
    /// The line.
    pub line: Line,
    /// How callers are handed over.
    pub transfers: Arc<dyn Transfers>,
    /// What the road can do.
    pub able: Road,
}

/// Makes lines.
pub trait Roads: std::fmt::Debug + Send + Sync {
    /// Begins to join; what becomes of it is told by the line.
    fn join(&self, assignment: &Assignment, room: &RoomName, station: Box<dyn Station>) -> Joined;
}

/// Rooms of a LiveKit deployment.
#[derive(Debug)]
pub struct Rooms {
    media: Media,
    meter: MediaMeter,
    client: Arc<Client>,
}

impl Rooms {
    /// Rooms joined with these media threads, their counters read by `meter`.
    #[must_use]
    pub fn new(media: Media, meter: MediaMeter, client: Client) -> Self {
        Self { media, meter, client: Arc::new(client) }
    }
}

impl Roads for Rooms {
    fn join(&self, assignment: &Assignment, room: &RoomName, station: Box<dyn Station>) -> Joined {
        let url = assignment.url.as_ref().unwrap_or(&self.client.project().url);
        let mut options = RoomOptions::new(url, &assignment.token);
        options.caller = Caller::Anyone;
        options.hang_up = Some(delete_room(Arc::clone(&self.client), room.clone()));
        let Room { line, stats } = Room::join(&self.media, options, station);
        self.meter.add(stats);
        let transfers = Arc::new(RoomTransfers::new(Arc::clone(&self.client), room.clone()));
        Joined { line, transfers, able: Road { pausable: true, transfer: true } }
    }
}

fn delete_room(client: Arc<Client>, room: RoomName) -> HangUp {
    Box::new(move || {
        Box::pin(async move {
            if let Err(error) = client.delete_room(&room).await {
                warn!(%room, %error, "room not deleted");
            }
        })
    })
}
