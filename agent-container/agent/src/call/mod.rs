//! One call: from the job to the record.
//!
//! ```text
//!  job ─▶ join (publishes at once) ─┐
//!     └─▶ agent's configuration ────┴▶ Dialogue ◀─ inputs ─ line, ear, drivers
//!                                         │
//!                                         └─ outputs ─▶ journal, observer, effects
//! ```
//!
//! The loop in [`call`] is the only caller of the dialogue; nothing is awaited between an input and the last
//! output that follows from it.

pub mod bundles;
#[expect(clippy::module_inception, reason = "the file is named after its primary type")]
pub mod call;
pub mod effects;
pub mod ending;
pub mod identity;
pub mod inputs;
pub mod journal;
mod look_up;
pub mod observer;
mod parting;
pub mod records;
pub mod rehearsal;
pub mod reports;
pub mod setup;
pub mod station;
pub mod trace;
pub mod transfer;
