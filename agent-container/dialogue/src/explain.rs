//! Why something was decided: one entry for each decision.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TurnId;

/// One decision, the rule that made it and the numbers it saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explain {
    /// What was decided.
    pub decision: Decision,
    /// The rule, as a stable name (`vad_silence`, `backchannel`, `watchdog_12s` …).
    pub rule: String,
    /// The turn it belongs to.
    pub turn: Option<TurnId>,
    /// Numbers the rule compared, units in the names. No words of the caller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
}

/// Decisions of the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The end-of-turn delay was set.
    Endpointing,
    /// The turn was committed.
    TurnCommitted,
    /// The turn is kept open although something suggested its end.
    TurnKept,
    /// The caller's words were dropped.
    TurnDropped,
    /// Playout was paused.
    Paused,
    /// Playout went on after a false alarm.
    Resumed,
    /// Playout was stopped for good.
    Interrupted,
    /// The caller's voice did not interrupt.
    NotInterrupted,
    /// The model was asked before the turn was committed.
    Speculated,
    /// The early answer is used.
    SpeculationAdopted,
    /// The early answer is thrown away.
    SpeculationDropped,
    /// The watchdog stepped in.
    Watchdog,
    /// The silence deadline came.
    Silence,
    /// A tool call was accepted, refused, cancelled or given up.
    Tool,
    /// Digits were collected.
    Digits,
    /// Hearing is broken or back.
    Hearing,
    /// A turn is complete (rule: its outcome).
    TurnClosed,
    /// A result came too late and was ignored.
    Stale,
    /// The call is to end.
    Leave,
}
