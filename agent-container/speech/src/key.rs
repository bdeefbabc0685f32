//! A vendor's key: usable in a header, never printable.

use std::fmt;

/// A secret that prints as `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for a header.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Key {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl From<&str> for Key {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}
