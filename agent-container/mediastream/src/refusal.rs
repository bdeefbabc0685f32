//! Why a stream is closed.

use thiserror::Error;

/// Why a stream is closed. The peer's fault, every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A message longer than any honest one.
    #[error("message too long")]
    TooLong,
    /// Audio we cannot read.
    #[error("media format not supported")]
    Format,
    /// Too many unreadable messages in a row.
    #[error("unreadable messages")]
    Nonsense,
}

impl Refusal {
    /// The close code of RFC 6455, section 7.4.1.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::Format => 1003,
            Self::Nonsense => 1008,
        }
    }
}
