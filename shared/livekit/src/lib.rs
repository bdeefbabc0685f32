//! LiveKit: tokens, webhooks, rooms, dispatch and SIP, in the domain's words.
//!
//! Thin wrappers over the `livekit-api` crate. One deadline for every call; the client is built on first use.
//! Nothing else signs LiveKit tokens.
//!
//! * [`token`]: tokens to join a room, by role, and to serve as a worker.
//! * [`webhook`]: verified events, reduced to what may be kept.
//! * [`Client`]: dispatch, rooms, participants, transfer.
//! * [`provision`]: trunks and dispatch rules.

mod client;
mod error;
mod project;
pub mod provision;
pub mod token;
pub mod webhook;

pub use client::{Client, Dispatch, Room};
pub use error::LiveKitError;
pub use project::Project;
