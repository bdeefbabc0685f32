//! The machine.

use std::collections::VecDeque;

use crate::timer::Timers;
use crate::{CallTime, Config, ConfigError, HistoryItem, Input, Output, Timer};

/// The brain of one call.
///
/// Call [`handle`](Self::handle) with every fact, drain [`poll`](Self::poll) fully before the next one, and call
/// `handle(at, Input::Wake)` when [`deadline`](Self::deadline) comes.
#[derive(Debug)]
pub struct Dialogue {
    config: Config,
    timers: Timers,
    out: VecDeque<Output>,
    history: Vec<HistoryItem>,
}

impl Dialogue {
    /// A dialogue that waits for the answer; its first outputs prepare the greeting.
    ///
    /// # Errors
    ///
    /// The first field of `config` that makes no sense.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, timers: Timers::default(), out: VecDeque::new(), history: Vec::new() })
    }

    /// Takes one fact. `now` never goes backwards.
    pub fn handle(&mut self, now: CallTime, input: Input) {
        let _ = (now, input);
    }

    /// The next wish, `None` when there is none until the next `handle`.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to wake it at the latest, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(CallTime, Timer)> {
        self.timers.next()
    }

    /// What was said and heard so far.
    #[must_use]
    pub fn history(&self) -> &[HistoryItem] {
        &self.history
    }

    /// What it was made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Has it left? Nothing more comes then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        false
    }
}
