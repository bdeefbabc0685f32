//! Tools: what the model may call, and which of them the dialogue carries out itself.

use serde::{Deserialize, Serialize};

/// What the model is told of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `[A-Za-z0-9_-]{1,64}`, the strictest of the vendors' rules.
    pub name: String,
    /// When to use it.
    pub description: String,
    /// JSON schema of the arguments, an object.
    pub parameters: serde_json::Value,
    /// Has it side effects?
    pub class: ToolClass,
    /// After this the model is told that the tool did not answer.
    pub timeout_ms: u64,
}

/// Has a tool side effects?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    /// Looks something up; cancelled when the caller moves on.
    Read,
    /// Changes something; never cancelled, carries an idempotency key, its result always reaches the history.
    Write,
}
