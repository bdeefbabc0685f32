//! A promise to call somebody back.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallId};
use crate::phone::E164;
use crate::time::WallTime;

/// A callback an agent promised in a call. It is stored once, however often the promise is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The call in which it was promised.
    pub call: CallId,
    /// Names the promise within its call: the same for its repetitions.
    pub key: String,
    /// Who promised, and is to call.
    pub agent: AgentId,
    /// Whom to call.
    pub number: E164,
    /// When.
    pub at: WallTime,
    /// The same moment as it was agreed, with its offset from UTC: RFC 3339.
    pub agreed: String,
    /// What it is about, in the agent's words.
    pub reason: String,
    /// When it was promised.
    pub promised_at: WallTime,
}

impl Callback {
    /// Longest time from the promise to the call, in seconds: what is later is a mistake in the year.
    pub const FARTHEST_S: u64 = 366 * 86_400;
}
