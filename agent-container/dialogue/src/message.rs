//! The conversation as the model reads it.

use serde::{Deserialize, Serialize};

use crate::CallTime;

/// One message for the language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role")]
pub enum Message {
    /// Instructions.
    System {
        /// Text.
        text: String,
    },
    /// The caller.
    User {
        /// Text.
        text: String,
    },
    /// We: only words the caller heard.
    Assistant {
        /// Text.
        text: String,
    },
    /// Tool calls of one step.
    ToolCalls {
        /// At least one.
        calls: Vec<ToolCall>,
    },
    /// What a tool said.
    ToolOutput {
        /// The call it belongs to.
        vendor_id: String,
        /// Tool.
        name: String,
        /// Text for the model.
        output: String,
        /// The tool failed.
        error: bool,
    },
}

/// A tool call as the model made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The vendor's name of the call; output and call must carry the same.
    pub vendor_id: String,
    /// Tool.
    pub name: String,
    /// JSON object, canonical.
    pub arguments: String,
}

/// An item of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryItem {
    /// When it was committed.
    pub at: CallTime,
    /// What.
    pub message: Message,
    /// Assistant items: the caller cut it short.
    #[serde(default)]
    pub interrupted: bool,
}
