//! A telephone call's [`line::Line`] through a LiveKit room: an audio-only room client in pure Rust.
//!
//! ```text
//!   call loop ◀─ Line ─▶ Room (tokio) ─ signalling ─ livekit-server
//!                          │  ▲
//!                 commands ▼  │ events (bounded)
//!   Station ◀─ 20 ms ─▶ Media thread ─ UDP, ICE, DTLS, SRTP, SCTP ─ livekit-server
//! ```
//!
//! * [`Media`] is a few operating system threads. Each owns the peer connections and the [`line::Station`]s
//!   of its calls, and ticks every 20 ms on one clock for all of them.
//! * [`Room::join`] is one call: it publishes first (livekit-sip rings the caller until somebody does),
//!   reports what happens as [`line::LineEvent`]s, and joins again by itself when the connection is lost.
//! * [`Lobby`] is a seat in a room without audio, where the server's messages arrive.
//!
//! # Choices
//!
//! * Two peer connections (`/rtc`): seen to work longest, codecs are per connection in str0m, and the
//!   server makes the offers for what we hear, so there is never a collision of offers.
//! * DTLS and SRTP come from `aws-lc-rs`: str0m 0.25 has no `ring` back end, and its `rust-crypto`
//!   feature needs `str0m-rust-crypto` 0.7, which the registry does not serve.
//! * One UDP port per peer connection: behind the server's UDP mux, connections that share a port share
//!   one 5-tuple, and only the first gets media.
//! * str0m's own reordering is off: it goes deaf when the server reuses an m-line with lower sequence
//!   numbers. Order and concealment are made here, from the sequence numbers.
//! * Never a resume of the signalling session, always a full join with the same identity: resuming is
//!   where dead audio comes from.

mod call;
mod call_state;
mod caller;
mod connection;
mod ears;
mod ending;
mod inbox;
mod lobby;
mod media;
mod mouth;
mod negotiation;
mod options;
mod outbox;
mod pace;
mod packet;
mod participant;
mod room;
mod sdp;
mod session;
mod shard;
mod signalling;
mod stats;

pub use lobby::{Lobby, LobbyEvent, LobbyOptions};
pub use media::Media;
pub use options::{Caller, Codec, HangUp, MediaOptions, RoomOptions};
pub use room::{END_CALL_WAIT, Room};
pub use stats::{CallCounts, CallStats, Lateness};
