//! A call over Twilio Media Streams: JSON messages to frames and back. Pure; the agent owns the socket.
//!
//! ```text
//!  Opened ── start ──▶ Started ── admit (token good) ──▶ Admitted ── stop ──▶ Stopped
//!                         │                                 │  media ─▶ 8→16 kHz ─▶ Heard
//!            nothing flows until the token was checked      │  mark  ─▶ Played
//!                                                           └─ speak: 16→8 kHz ─▶ media, mark
//! ```
//!
//! * The carrier buffers without a bound: whoever sends keeps [`Session::ahead`] below [`MOST_AHEAD`] frames.
//! * A mark follows every frame, so the position of the playback is known, and `clear` on a barge-in costs no more
//!   than what is ahead.
//! * The token in `customParameters` is the caller's to check; audio before [`Session::admit`] is dropped.

mod message;
mod refusal;
mod session;

pub use message::{MediaFormat, Start};
pub use refusal::Refusal;
pub use session::{Fact, LONGEST_MESSAGE, Parameters, Session};

/// Frames that may be sent ahead of the playback: 200 ms (carriers.md's figure for a quick barge-in).
pub const MOST_AHEAD: u64 = 10;
