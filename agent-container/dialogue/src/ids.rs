//! Names of requests. Every asynchronous result carries the one it answers; the machine drops results of
//! requests it no longer waits for.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
    };
}

id!(
    /// One request to the language model.
    ThinkId
);
id!(
    /// One speech: text that is synthesised and played as a whole, paused and hushed as a whole.
    SayId
);
id!(
    /// One tool call, ours; the vendor's own name of it is in [`crate::ToolCall::vendor_id`].
    ToolId
);
id!(
    /// One question to the end-of-turn model.
    AskId
);
id!(
    /// One attempt to transfer the call.
    TransferId
);
id!(
    /// One turn of the caller, counted from 1.
    TurnId
);

/// Gives out numbers from 1.
#[derive(Debug, Default)]
pub(crate) struct Counter(u32);

impl Counter {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}
