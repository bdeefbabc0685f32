//! Named timers: a wake-up says why.

use serde::{Deserialize, Serialize};

use crate::CallTime;

macro_rules! timers {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Reasons to wake up. When several are due, the earliest comes first, then the one listed first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Timer {
            $($(#[$doc])* $name,)*
        }

        impl Timer {
            /// All timers, in the order in which they are run when due together.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

timers! {
    /// The caller has spoken long enough to interrupt.
    BargeIn,
    /// The turn-model did not answer in time.
    TurnModel,
    /// The caller's turn is over.
    EndOfTurn,
    /// The recogniser had its time: commit with interim words.
    SttWait,
    /// A short silence has lasted: the recogniser is asked for its words.
    FlushStt,
    /// The voice goes on: a recogniser of whole utterances is asked for the words so far.
    HearSoFar,
    /// Evidence beside VAD that the turn is over.
    OpenTurn,
    /// Speech without words: the recogniser may be deaf.
    Deaf,
    /// A pause without words: a false alarm.
    FalseInterruption,
    /// A hushed speech did not report its position.
    Hush,
    /// A speech did not report its end.
    Playout,
    /// A gap between two speeches is over.
    SpeechGap,
    /// A tool runs in silence.
    ToolFiller,
    /// A tool did not answer.
    ToolTimeout,
    /// The number the caller types is complete.
    Digits,
    /// The agent owes an answer and is silent.
    Watchdog,
    /// The caller says nothing.
    Silence,
    /// A transfer did not report.
    Transfer,
    /// A speech-to-speech session is old.
    LiveRecycle,
    /// The process ends.
    Drain,
    /// The call is too long.
    MaxCall,
    /// Last words were not played in time.
    Leave,
}

/// At most one moment for each timer.
#[derive(Debug, Default)]
pub(crate) struct Timers([Option<CallTime>; Timer::ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: CallTime) {
        self.0[timer as usize] = Some(at);
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<CallTime> {
        self.0[timer as usize]
    }

    pub(crate) fn clear_all(&mut self) {
        self.0 = Default::default();
    }

    /// The earliest moment and its reason.
    pub(crate) fn next(&self) -> Option<(CallTime, Timer)> {
        Timer::ALL.iter().filter_map(|&t| Some((self.get(t)?, t))).min()
    }
}
