//! A person or firm that owns numbers, agents and voices.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::invalid::{Config, Invalid, require};

/// An owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Our name for them.
    pub id: UserId,
    /// Their own.
    pub name: String,
    /// IANA time zone, as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The version this value was read as; the store counts it up and refuses a stale one. 0: new.
    #[serde(default)]
    pub version: u64,
}

impl Config for User {
    fn validate(&self) -> Result<(), Invalid> {
        require(!self.name.trim().is_empty(), "name", "must not be empty")
    }
}
