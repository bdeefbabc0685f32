//! The real servers and the peers nobody here wrote, started on free ports of 127.0.0.1.
//!
//! * [`Servers`]: redis, livekit-server and livekit-sip with one SIP trunk and its dispatch rule.
//! * [`Phone`]: a call by baresip. It records what it said and what it heard; [`PhoneRecording`] puts both on one clock.
//! * [`Peer`]: an independent room participant, LiveKit's own Python SDK.
//! * [`Process`]: any child process, with its log, that dies with its parent.
//!
//! Everything is stopped when its value is dropped, and when this process dies in whatever way. The two Go servers are pinned
//! by `servers/go.mod`; `cargo xtask setup` builds them and the Python environment into `target/`.
//!
//! baresip cannot add headers to an INVITE: the `x-…` headers of a TwiML `<Sip>` address do not reach livekit-sip from here.

mod peer;
mod phone;
mod phone_control;
mod phone_files;
mod ports;
mod process;
mod provision;
mod recording;
mod servers;
mod tools;

pub use peer::{Peer, ToneHeard};
pub use phone::{Phone, PhoneOptions, Progress};
pub use ports::{free_tcp_port, free_udp_port};
pub use process::{Process, tail};
pub use recording::{PhoneRecording, SAMPLE_RATE, Side};
pub use servers::{Servers, ServersOptions};
pub use tools::{Missing, Tool, workspace_root};
