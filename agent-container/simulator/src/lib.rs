//! Speech and language vendors on this machine, speaking their real protocols with set delays and faults.
//!
//! * One port a vendor, on 127.0.0.1, so that the vendors' own SDKs work with nothing but another base URL.
//! * The simulated ears return the script's words when, and only when, they hear somebody speak: the n-th utterance
//!   heard on a connection is the n-th line of the script. Time is the time of the audio received.
//! * The simulated voice is espeak-ng, so a recording can be listened to.
//! * Delays, pace and faults are set per [`Service`] in the [`Config`], from now on or for the next connection
//!   through the control port (`POST /behaviour/{service}`, `POST /next/{service}`), or for one connection in its
//!   key: `any-key?fault=disconnect&after=3&first_ms=900`. [`Behaviour`] says what can be set.
//! * The control port counts what was asked, completed, cancelled and done against a vendor's rules
//!   (`GET /counters`, `POST /reset`).
//!
//! A configuration with everything in it (all of it is optional):
//!
//! ```json
//! {
//!   "ports": {"control": 7000},
//!   "words_per_minute": 165,
//!   "services": {
//!     "deepgram_listen": {"first_ms": 100},
//!     "openai_chat": {"first_ms": 200, "rate": 80, "fault": "error", "after": 12},
//!     "elevenlabs": {"connect_ms": 50, "first_ms": 120, "rate": 8, "quirks": true}
//!   },
//!   "script": {
//!     "lines": ["I would like to book a table.", "Thank you, goodbye."],
//!     "after_last": "repeat",
//!     "replies": [
//!       {"when": "book a table", "say": "One moment.", "tools": [{"name": "find_table", "arguments": {"people": 4}}],
//!        "then": "I found {result} for you."},
//!       {"when": "goodbye", "say": "Goodbye."}
//!     ]
//!   }
//! }
//! ```
//!
//! What is not simulated: compressed audio (MP3, Opus), which is refused as the vendor refuses a bad parameter.
//! Speech heard through a long line of separate requests (transcriptions) is counted per `caller` in the key.
//!
//! ```no_run
//! # async fn run() -> anyhow::Result<()> {
//! let simulator = simulator::Simulator::start(simulator::Config::default()).await?;
//! println!("{}", serde_json::to_string(&simulator.addresses)?);
//! # Ok(()) }
//! ```

mod anthropic;
mod assemblyai;
mod behaviour;
mod cancel;
mod config;
mod control;
mod counters;
mod deepgram;
mod deepgram_flux;
mod deepgram_listen;
mod deepgram_speak;
mod ears;
mod elevenlabs;
mod form;
mod groq;
mod hearing;
mod listener;
mod openai;
mod openai_audio;
mod openai_chat;
mod openai_realtime;
mod outlet;
mod refusal;
mod reply;
mod script;
mod server;
mod sound;
mod voice;
mod world;

pub use behaviour::{Behaviour, FaultKind, Service};
pub use config::Config;
pub use counters::Counters;
pub use script::{AfterLast, Reply, Script, ScriptedTool};
pub use server::{Addresses, Simulator};
