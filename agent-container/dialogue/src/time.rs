//! Call time: the only clock the dialogue knows.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment of the call, in milliseconds since the dialogue was made.
///
/// Zero is the creation of the dialogue and not the answer, because the greeting is prepared while the
/// phone still rings; [`crate::Input::Answered`] says when the answer was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallTime(u64);

impl CallTime {
    /// The creation of the dialogue.
    pub const ZERO: Self = Self(0);

    /// From milliseconds since the dialogue was made.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the dialogue was made.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Milliseconds from `earlier` to here; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for CallTime {
    type Output = Self;

    /// `ms` later.
    fn add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<u64> for CallTime {
    type Output = Self;

    /// `ms` earlier, not before zero.
    fn sub(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl fmt::Display for CallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}
