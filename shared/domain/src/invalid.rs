//! What is wrong with a value somebody gave us, and where.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// A value that breaks a rule. The text is for the operator: it names the field, never its content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {why}")]
pub struct Invalid {
    /// Path of the field, as `tools[2].timeout_ms`.
    pub field: String,
    /// The rule it breaks, in words.
    pub why: String,
}

impl Invalid {
    /// A broken rule at `field`.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }

    /// The same rule, seen from the structure that holds the field at `outer`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        Self { field: format!("{outer}{dot}{}", self.field), why: self.why }
    }
}

/// Configuration an operator writes: read from JSON and checked, once, at the edge.
pub trait Config: DeserializeOwned {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first broken rule, with the path of its field.
    fn validate(&self) -> Result<(), Invalid>;

    /// Reads and checks JSON.
    ///
    /// # Errors
    /// The first missing, unknown, ill-typed or forbidden field, with its path.
    fn from_json(json: &str) -> Result<Self, Invalid> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let value: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| unreadable(&error.path().to_string(), error.inner()))?;
        reader.end().map_err(|error| Invalid::new("JSON", error.to_string()))?;
        value.validate()?;
        Ok(value)
    }
}

/// Names the field of an error of serde's, which for a missing field stands in the text only.
fn unreadable(path: &str, error: &serde_json::Error) -> Invalid {
    let why = error.to_string();
    let missing = why.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (path, missing) {
        (".", None) => Invalid::new("JSON", why),
        (".", Some(field)) => Invalid::new(field, "is missing"),
        (path, None) => Invalid::new(path, why),
        (path, Some(field)) => Invalid::new(field, "is missing").within(path),
    }
}

/// Fails with `why` at `field` unless `rule` holds.
pub(crate) fn require(rule: bool, field: &str, why: &str) -> Result<(), Invalid> {
    if rule { Ok(()) } else { Err(Invalid::new(field, why)) }
}
