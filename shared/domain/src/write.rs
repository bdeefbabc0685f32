//! What a decision wants stored, in the domain's words.

use serde::{Deserialize, Serialize};

use crate::callback::Callback;
use crate::fact::Fact;
use crate::id::{AgentId, CallId, WorkerId};
use crate::job::{Heartbeat, Session};
use crate::phone::{Caller, E164};
use crate::time::WallTime;

/// One thing to store. The store turns a list of them into one conditional transaction: all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "write", rename_all = "snake_case")]
pub enum Write {
    /// Opens a call. Refused, together with everything beside it, when it is open already: the webhook
    /// was delivered twice.
    OpenCall {
        /// The call.
        call: CallId,
        /// What was decided, as the function that opened it wants to read it back to give the same
        /// answer again. No secrets.
        plan: String,
    },
    /// Adds to what is known of a call, which need not be open. Known facts are passed over.
    ///
    /// A fact that ends the call also gives its slot back, in the same transaction.
    AddFact {
        /// The call.
        call: CallId,
        /// What happened.
        fact: Fact,
    },
    /// Occupies one of the agents' places with a call. Passed over when it has one, or is over; refused,
    /// with everything beside it, when `limit` places are taken.
    TakeSlot {
        /// The call.
        call: CallId,
        /// How many places there are.
        limit: u32,
    },
    /// Gives the place back. Passed over when the call has none.
    ReleaseSlot {
        /// The call.
        call: CallId,
    },
    /// Writes nothing itself. Refused, with everything beside it, when there is no such agent.
    NeedAgent {
        /// Which one.
        agent: AgentId,
    },
    /// Counts one call against a limit. Refused, with everything beside it, when the limit is reached.
    CountRate(RateLimit),
    /// Keeps the answer to a request, so that its repetition gets the same one.
    MarkSeen {
        /// Which request.
        key: IdempotencyKey,
        /// The answer.
        response: String,
        /// Until when.
        expires_at: WallTime,
    },
    /// A container lives.
    PutHeartbeat(Heartbeat),
    /// A container says goodbye.
    RemoveHeartbeat {
        /// Which one.
        worker: WorkerId,
    },
    /// An agent joined a room, or left it.
    PutSession(Session),
    /// Somebody is to be called back. Passed over when the same promise of the same call is stored already.
    ScheduleCallback(Callback),
}

/// A limit on calls within a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Whose calls are counted.
    pub scope: RateScope,
    /// Length of the window in seconds. Windows begin at multiples of it.
    pub window_s: u32,
    /// Most calls in one window.
    pub limit: u32,
    /// Now.
    pub at: WallTime,
}

impl RateLimit {
    /// Window of the limits that are given per minute, in seconds.
    pub const MINUTE_S: u32 = 60;

    /// At most `limit` calls in each minute of the clock.
    #[must_use]
    pub const fn per_minute(scope: RateScope, limit: u32, at: WallTime) -> Self {
        Self { scope, window_s: Self::MINUTE_S, limit, at }
    }

    /// The number of the window `at` falls into.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.at.as_secs() / u64::from(self.window_s.max(1))
    }

    /// When the window is over.
    #[must_use]
    pub fn ends_at(&self) -> WallTime {
        WallTime::from_secs((self.window() + 1) * u64::from(self.window_s.max(1)))
    }
}

/// Whose calls a limit counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateScope {
    /// One caller's calls to one number. Callers who withhold their number are one caller.
    Caller {
        /// Who calls.
        caller: Caller,
        /// The number called.
        number: E164,
    },
    /// All calls to one number.
    Number {
        /// The number called.
        number: E164,
    },
}

/// Names a request, the same at each of its deliveries: `<function>/<sender's id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// From the function's name and the sender's id of the request.
    #[must_use]
    pub fn new(function: &str, id: &str) -> Self {
        Self(format!("{function}/{id}"))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
