//! The agent's voice: text to audio to the playout ring, and what became of it back to the dialogue.
//!
//! ```text
//!  SayChunk ─▶ Utterance ─▶ Synthesiser (a vendor of the chain) ─▶ audio ─▶ waiting ─▶ ring ─▶ caller
//!                 ▲               │ failed, nothing appended yet              one utterance
//!                 └── start over ─┘ at the next vendor                        after the other
//! ```

mod clips;
mod making;
mod playing;
mod rehearsal;
mod task;
mod utterance;
mod words;

pub use clips::{Clip, ClipKey, Clips};
pub use rehearsal::rehearse;
pub use task::{Command, Voice, VoiceSetup};
