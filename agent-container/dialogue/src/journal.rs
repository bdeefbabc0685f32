//! The journal: every input and output of a call, one JSON object a line.

use serde::{Deserialize, Serialize};

use crate::{CallTime, Config, Input, Output};

/// Version of the journal's format; a reader refuses another one.
pub const JOURNAL_VERSION: u32 = 1;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalLine {
    /// The first line.
    Header(Box<JournalHeader>),
    /// Something reached the dialogue.
    In {
        /// When.
        at: CallTime,
        /// What.
        input: Input,
    },
    /// The dialogue wanted something, before the next input.
    Out {
        /// When.
        at: CallTime,
        /// What.
        output: Output,
    },
}

/// What a replay needs to begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// [`JOURNAL_VERSION`].
    pub version: u32,
    /// The call.
    pub call_id: String,
    /// Wall clock of call time zero, RFC 3339.
    pub started_at: String,
    /// All the dialogue was made from.
    pub config: Config,
}

impl JournalLine {
    /// The first line of a journal.
    #[must_use]
    pub fn header(call_id: &str, started_at: &str, config: Config) -> Self {
        Self::Header(Box::new(JournalHeader {
            version: JOURNAL_VERSION,
            call_id: call_id.to_owned(),
            started_at: started_at.to_owned(),
            config,
        }))
    }
}
