//! The always-on container: registers with LiveKit, takes calls, talks.
//!
//! ```text
//!  LiveKit ◀─ /agent ─▶ worker ─ jobs ─▶ supervisor ─┬▶ call ─┬▶ line (room) ◀─▶ caller
//!                                                    ├▶ call  ├▶ dialogue ◀─▶ journal
//!                                                    └▶ …     └▶ drivers ◀─▶ vendors, tools
//! ```
//!
//! * [`worker`]: what LiveKit sees of this process; a state machine and its socket.
//! * [`lobby`]: where calls are announced ahead of their jobs.
//! * [`supervisor`]: all calls; a panic in one ends that one only; drain; heartbeat.
//! * [`call`]: one call, from the job to the record; the only caller of the dialogue.
//! * [`drivers`]: recogniser, language model, voice, tools; everything comes back as an input.
//! * [`media_stream`]: calls over the carrier's WebSocket, without LiveKit.
//! * [`spans`]: calls as OpenTelemetry spans.
//! * [`net`]: one TLS set-up, WebSockets, the HTTP client.

pub mod call;
pub mod config;
pub mod container;
pub mod drivers;
pub mod health;
pub mod heartbeats;
pub mod lobby;
pub mod logging;
pub mod media_meter;
pub mod media_stream;
pub mod net;
pub mod roads;
pub mod spans;
pub mod supervisor;
pub mod worker;
