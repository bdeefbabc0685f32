//! The only place that spells keys.
//!
//! | item | `pk` | `sk` | `gsi1pk` | `gsi1sk` |
//! |---|---|---|---|---|
//! | call | `CALL#<id>` | `RECORD` | `CALLS#OPEN`, later `CALLS#<day>` | `<opened, ms>#<id>` |
//! | session | `CALL#<id>` | `SESSION#<job>` | | |
//! | callback | `CALL#<id>` | `CALLBACK#<key>` | `CALLBACKS` | `<due, ms>#<call id>` |
//! | number | `NUMBER#<number>` | `CONFIG` | `NUMBERS` | the number |
//! | agent | `AGENT#<id>` | `CONFIG` | `AGENTS` | the id |
//! | voice | `VOICE#<id>` | `CONFIG` | `VOICES` | the id |
//! | user | `USER#<id>` | `CONFIG` | `USERS` | the id |
//! | places taken | `CAPACITY` | `PLACES` | | |
//! | heartbeat | `WORKERS` | the worker | | |
//! | rate | `RATE#<scope>` | `<window, s>#<number of the window>` | | |
//! | idempotency | `SEEN#<function>/<id>` | `ANSWER` | | |

use domain::{
    AgentId, CallId, Callback, Caller, E164, IdempotencyKey, JobId, RateLimit, RateScope, UserId, VoiceId,
    WallTime, WorkerId,
};

/// Partition key of the table.
pub(crate) const PK: &str = "pk";
/// Sort key of the table.
pub(crate) const SK: &str = "sk";
/// The index, for lists.
pub(crate) const GSI1: &str = "gsi1";
/// Partition key of the index.
pub(crate) const GSI1PK: &str = "gsi1pk";
/// Sort key of the index.
pub(crate) const GSI1SK: &str = "gsi1sk";
/// Epoch seconds after which DynamoDB may drop an item, and after which we no longer see it.
pub(crate) const EXPIRES_AT: &str = "expires_at";

/// Sort keys of the sessions of a call begin so.
pub(crate) const SESSION_PREFIX: &str = "SESSION#";
/// Index partition of the calls that are not over.
pub(crate) const OPEN_CALLS: &str = "CALLS#OPEN";

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

pub(crate) fn call(id: &CallId) -> Key {
    Key::new(format!("CALL#{id}"), "RECORD")
}

pub(crate) fn session(call: &CallId, job: &JobId) -> Key {
    Key::new(format!("CALL#{call}"), format!("{SESSION_PREFIX}{job}"))
}

pub(crate) fn callback(callback: &Callback) -> Key {
    Key::new(format!("CALL#{}", callback.call), format!("CALLBACK#{}", callback.key))
}

/// Index partition of the callbacks.
pub(crate) const CALLBACKS: &str = "CALLBACKS";

pub(crate) fn number(number: &E164) -> Key {
    Key::new(format!("NUMBER#{}", number.as_str()), "CONFIG")
}

pub(crate) fn agent(id: &AgentId) -> Key {
    Key::new(format!("AGENT#{id}"), "CONFIG")
}

pub(crate) fn voice(id: &VoiceId) -> Key {
    Key::new(format!("VOICE#{id}"), "CONFIG")
}

pub(crate) fn user(id: &UserId) -> Key {
    Key::new(format!("USER#{id}"), "CONFIG")
}

/// The key of the configuration whose partition key is `pk`: what `used_by` holds.
pub(crate) fn config(pk: &str) -> Key {
    Key::new(pk, "CONFIG")
}

pub(crate) fn places() -> Key {
    Key::new("CAPACITY", "PLACES")
}

/// Partition of the heartbeats.
pub(crate) const WORKERS: &str = "WORKERS";

pub(crate) fn worker(id: &WorkerId) -> Key {
    Key::new(WORKERS, id.as_str())
}

pub(crate) fn rate(limit: &RateLimit) -> Key {
    let scope = match &limit.scope {
        RateScope::Caller { caller, number } => {
            format!("RATE#{}#{}#{}", number.as_str(), caller.kind(), caller_key(caller))
        }
        RateScope::Number { number } => format!("RATE#{}", number.as_str()),
    };
    Key::new(scope, format!("{}#{}", limit.window_s, limit.window()))
}

/// Callers who are not known by a number, a client name or an address of their own are counted as one.
fn caller_key(caller: &Caller) -> &str {
    match caller {
        Caller::Withheld | Caller::Other(_) => "-",
        known => known.as_str(),
    }
}

pub(crate) fn seen(key: &IdempotencyKey) -> Key {
    Key::new(format!("SEEN#{}", key.as_str()), "ANSWER")
}

/// Index partition of the calls of one day that are over.
pub(crate) fn closed_calls(opened_at: WallTime) -> String {
    format!("CALLS#{}", opened_at.day())
}

/// Sorts calls by the time they were opened. Thirteen digits of milliseconds last until the year 2286.
pub(crate) fn opened(opened_at: WallTime, id: &CallId) -> String {
    format!("{}#{id}", opened_from(opened_at))
}

/// Sorts before every call opened at or after `opened_at`.
pub(crate) fn opened_from(opened_at: WallTime) -> String {
    format!("{:013}", opened_at.as_millis())
}
