//! Journals and scripts of calls, in virtual time.
//!
//! * [`journal`]: a journal gives the same outputs, or the first difference; which turns other settings change.
//! * [`script`] and [`scenario`]: the `.call` format (`events/calls/README.md`), run against a real
//!   [`dialogue::Dialogue`] with fake VAD, recogniser, model, voice and road.
//! * [`model`]: what must hold in every call. [`fuzz`]: random scripts for it.
//! * [`golden`]: timelines recorded from livekit-agents 1.8.9, compared line by line.

mod caller;
mod expand;
mod masker;
mod parse;
mod playout;
mod targets;
mod words;
mod world;

pub mod expect;
pub mod fuzz;
pub mod golden;
pub mod journal;
pub mod model;
pub mod redact;
pub mod scenario;
pub mod script;
pub mod settings;
pub mod timeline;

pub use playout::Heard;
pub use world::{Recording, run};
