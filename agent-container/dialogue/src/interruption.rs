//! Parameters of interruptions.

use serde::{Deserialize, Serialize};

/// When the caller may interrupt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interruption {
    /// At all?
    pub enabled: bool,
    /// The caller must speak this long.
    pub min_duration_ms: u64,
    /// The caller must say this many words; 0: the voice is enough.
    pub min_words: u32,
    /// The same during the greeting.
    pub greeting_min_words: u32,
    /// In the first moments of a speech nobody interrupts (echo, leading silence of the voice).
    pub dead_time_ms: u64,
    /// Pause first and go on after a false alarm, where the road can pause.
    pub resume: bool,
    /// Silence after which a pause without words was a false alarm.
    pub false_timeout_ms: u64,
    /// Words that only say "I am listening" while the agent speaks: they do not interrupt and are not a turn.
    pub backchannel: Vec<String>,
    /// Words that did not interrupt still are a turn when the agent finishes this soon after them ("yes" on
    /// the last syllable of a question).
    pub boundary_ms: u64,
    /// While the agent speaks, this many words in a row of its own are its echo; 0: never.
    pub echo_words: u32,
    /// After this many false alarms in a row voice alone no longer pauses the agent: a word is wanted (only
    /// with a recogniser that streams words); 0: never.
    pub words_after_false_alarms: u32,
    /// What happens to words that did not interrupt once the agent has finished undisturbed.
    pub unaccepted: Unaccepted,
}

impl Default for Interruption {
    fn default() -> Self {
        let words = [
            "uh-huh", "uh huh", "mhm", "mm-hmm", "mm", "hmm", "okay", "ok", "yeah", "yes", "yep", "right",
            "sure", "i see", "got it", "aha", "ah", "oh",
        ];
        Self {
            enabled: true,
            min_duration_ms: 400,
            min_words: 0,
            greeting_min_words: 2,
            dead_time_ms: 300,
            resume: true,
            false_timeout_ms: 1500,
            backchannel: words.map(str::to_owned).to_vec(),
            boundary_ms: 1000,
            echo_words: 3,
            words_after_false_alarms: 2,
            unaccepted: Unaccepted::Drop,
        }
    }
}

/// Words that did not interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unaccepted {
    /// Are forgotten when the agent has finished.
    Drop,
    /// Stand before the caller's next words (livekit).
    Keep,
}
