//! What the project keeps: one DynamoDB table behind verbs in the domain's words.
//!
//! * A function loads what it needs ([`Store::incoming`], [`Store::call`]), decides without touching the
//!   table, and hands a list of [`domain::Write`]s to [`Store::apply`], which makes **one conditional
//!   transaction** of it: all of it happens, or nothing.
//! * Three outcomes are kept apart: a failed condition is a fact about the call ([`Refusal`], or a look
//!   at the call as it is now and another attempt); a conflict with another transaction is tried again
//!   after a short wait; anything else is a [`StoreError`], which says whose fault it is.
//! * A call is one item: its facts, and the record they add up to. It is written only if it is still as
//!   it was seen, so that facts learnt at the same time by different functions all count.
//! * A call's place among the agents' is a mark on its item and a counter, changed in one transaction
//!   with the fact that ends the call: places are exact, and given back exactly once.
//! * Items that expire are not seen after their time, whenever DynamoDB drops them.
//!
//! `keys` alone spells keys; [`table::definition`] is the table.

mod applied;
mod apply;
mod batch;
mod calls;
pub mod client;
mod configs;
mod error;
mod idempotency;
mod item;
mod keys;
mod store;
mod stored_call;
pub mod table;
mod workers;

pub use applied::{Applied, CallChange, Refusal};
pub use calls::{Incoming, Listed, Query};
pub use configs::AgentBundle;
pub use error::StoreError;
pub use idempotency::Begin;
pub use store::Store;
pub use stored_call::{CALL_RETENTION_DAYS, StoredCall};
