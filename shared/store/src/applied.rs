//! What became of a list of writes.

use domain::{AgentId, CallId, CallRecord, IdempotencyKey, RateScope};

use crate::stored_call::StoredCall;

/// What became of a list of writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// All of them are stored, or were before.
    Done(Vec<CallChange>),
    /// None of them is stored.
    Refused(Refusal),
}

/// What the writes did to one call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallChange {
    /// The record before; nothing for a call not heard of before.
    pub before: Option<CallRecord>,
    /// The record now.
    pub after: CallRecord,
    /// How many of the facts were new.
    pub new_facts: usize,
    /// Whether the call gave its place back by this.
    pub gave_slot_back: bool,
}

impl CallChange {
    /// Whether the call ended by this. True for exactly one of all the writes a call ever sees.
    #[must_use]
    pub fn ended_now(&self) -> bool {
        self.after.is_over() && !self.before.as_ref().is_some_and(CallRecord::is_over)
    }
}

/// Why nothing was stored. Not an error: a fact to decide upon.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The call is open already.
    AlreadyOpen(Box<StoredCall>),
    /// Every place is taken.
    CapacityFull,
    /// A limit is reached.
    RateExceeded(RateScope),
    /// The agent that is to answer does not exist.
    UnknownAgent(AgentId),
    /// The request was answered before.
    AlreadySeen {
        /// Which request.
        key: IdempotencyKey,
        /// The answer it got.
        response: String,
    },
    /// The call is so long over that it was forgotten; late events do not bring it back.
    Forgotten(CallId),
}

impl Applied {
    /// What happened to `call`, when the writes were stored and concerned it.
    #[must_use]
    pub fn change(&self, call: &CallId) -> Option<&CallChange> {
        match self {
            Self::Done(changes) => changes.iter().find(|change| change.after.call_id == *call),
            Self::Refused(_) => None,
        }
    }
}
