//! Whose fault an error is, whether to try again, and what the caller hears of it.

use serde::{Deserialize, Serialize};

/// The party an error or an end of a call is laid to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Nobody: this is how calls are meant to go.
    Nobody,
    /// The person who called, or who was called.
    Caller,
    /// This system.
    Us,
    /// The telephone company.
    Carrier,
    /// LiveKit's server or SIP bridge.
    LiveKit,
    /// A provider of speech recognition, language model or voice.
    Vendor,
    /// Whoever configured the number, the agent or the keys.
    Operator,
    /// Amazon's services.
    Aws,
}

impl Whose {
    /// The stable name in JSON and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Caller => "caller",
            Self::Us => "us",
            Self::Carrier => "carrier",
            Self::LiveKit => "live_kit",
            Self::Vendor => "vendor",
            Self::Operator => "operator",
            Self::Aws => "aws",
        }
    }
}

/// Whether the same request may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Never: the request itself is wrong.
    No,
    /// At once.
    Yes,
    /// After this many milliseconds.
    AfterMillis(u64),
}

/// What a caller who is on the line hears when the error is theirs to bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerHears {
    /// Nothing: the call goes on without what failed.
    Nothing,
    /// An apology, then the end of the call.
    Apology,
    /// That all lines are busy.
    Busy,
    /// The voicemail greeting.
    Voicemail,
}

/// The three answers every error of this system gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Who has to mend it.
    pub whose: Whose,
    /// Whether to try again.
    pub retry: Retry,
    /// What the caller hears.
    pub caller_hears: CallerHears,
}

impl Fault {
    /// A fault that trying again cannot mend.
    #[must_use]
    pub const fn lasting(whose: Whose, caller_hears: CallerHears) -> Self {
        Self { whose, retry: Retry::No, caller_hears }
    }

    /// A fault that may be gone in a moment.
    #[must_use]
    pub const fn passing(whose: Whose, caller_hears: CallerHears) -> Self {
        Self { whose, retry: Retry::Yes, caller_hears }
    }
}

/// Implemented by every error that leaves a crate.
pub trait Faulty {
    /// Whose fault it is, whether to retry, what the caller hears.
    fn fault(&self) -> Fault;
}
