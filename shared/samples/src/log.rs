//! What a function logs while it is tested, and that nothing is in there which must not be.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::values;

/// Texts that no line above DEBUG may have in it: keys, tokens, and numbers of which more than the last digits show.
const HIDDEN: [&str; 11] = [
    values::TWILIO_TOKEN,
    values::TWILIO_OLD_TOKEN,
    values::SIGNALWIRE_KEY,
    values::LIVEKIT_SECRET,
    values::SUPERVISOR_TOKEN,
    values::CALLER_TOKEN,
    values::SIP_PASSWORD,
    values::CALLER,
    values::NUMBER,
    // The same numbers without their plus, as SIP has them.
    "15550100199",
    "15550100100",
];

/// Keeps what this thread logs at INFO and above, until it is dropped.
pub(crate) struct Log {
    lines: Lines,
    _kept: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn keep() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(Level::INFO)
            .with_writer(move || writer.clone())
            .finish();
        Self { lines, _kept: tracing::subscriber::set_default(subscriber) }
    }

    /// # Panics
    /// When something was logged that has to stay hidden.
    pub(crate) fn hides_what_it_must(&self, what: &str) {
        let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        for hidden in HIDDEN {
            assert!(!text.contains(hidden), "{what}: {hidden} is in the log:\n{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_the_log_is_found_and_debug_is_not_looked_at() {
        let log = Log::keep();
        tracing::debug!("{}", values::CALLER);
        log.hides_what_it_must("debug");
        tracing::info!("{}", values::CALLER);
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| log.hides_what_it_must("info")));
        assert!(found.is_err());
    }
}
