//! How much nonsense a session endures.

use serde::de::DeserializeOwned;

use crate::{Fault, FaultKind, Vendor};

/// Unreadable messages in a row before the session is given up. One is a hiccup; a caller waits at most some
/// seconds for a transcript or a sentence, in which a vendor sends about this many.
const IN_A_ROW: u32 = 8;

/// Counts unreadable messages and refuses oversized ones.
#[derive(Debug)]
pub(crate) struct Tolerance {
    vendor: Vendor,
    largest: usize,
    in_a_row: u32,
}

impl Tolerance {
    /// Largest message without audio: an honest one has a few kilobytes.
    pub(crate) const TEXT: usize = 1 << 20;
    /// Largest message with audio in base64: 15 MiB is the largest any vendor documents.
    pub(crate) const AUDIO: usize = 16 << 20;

    pub(crate) fn new(vendor: Vendor, largest: usize) -> Self {
        Self { vendor, largest, in_a_row: 0 }
    }

    /// `Ok(Ok(message))`, `Ok(Err(reason))` for one to ignore, `Err` when the session is beyond help.
    pub(crate) fn parse<T: DeserializeOwned>(&mut self, text: &str) -> Result<Result<T, String>, Fault> {
        self.size(text.len())?;
        match serde_json::from_str(text) {
            Ok(message) => {
                self.in_a_row = 0;
                Ok(Ok(message))
            }
            // serde_json's message may quote a word of the input; where it failed is enough.
            Err(error) => self.ignore(format!(
                "not the JSON expected: {:?} at {}:{}",
                error.classify(),
                error.line(),
                error.column()
            )),
        }
    }

    /// Notes a message to ignore.
    pub(crate) fn ignore<T>(&mut self, reason: String) -> Result<Result<T, String>, Fault> {
        self.in_a_row += 1;
        if self.in_a_row > IN_A_ROW { Err(Fault::malformed(self.vendor, &reason)) } else { Ok(Err(reason)) }
    }

    pub(crate) fn size(&self, bytes: usize) -> Result<(), Fault> {
        if bytes <= self.largest {
            return Ok(());
        }
        let detail = format!("{bytes} bytes, at most {}", self.largest);
        Err(Fault::new(self.vendor, FaultKind::Oversize, "", &detail))
    }
}
