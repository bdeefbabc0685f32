//! The ranges of turn taking, and those of its defaults that other settings are compared with: once, for
//! what an operator writes ([`TurnSettings`](crate::TurnSettings)) and for what the `dialogue` crate runs.
//! All are choices for the telephone; each end is still a conversation, beyond it lies a slip of the pen.

use std::ops::RangeInclusive;

/// A day: no delay of a conversation is longer.
pub const DAY_MS: u32 = 24 * 60 * 60 * 1000;

/// Milliseconds of speech before it counts.
pub const VAD_MIN_SPEECH_MS: RangeInclusive<u32> = 0..=2000;
/// Milliseconds of silence before speech counts as ended.
pub const VAD_MIN_SILENCE_MS: RangeInclusive<u32> = 50..=5000;
/// Least milliseconds from the last sound to the end of the turn.
pub const ENDPOINTING_MIN_DELAY_MS: RangeInclusive<u32> = 0..=10_000;
/// Most milliseconds from the last sound to the end of the turn; never below the least.
pub const ENDPOINTING_MAX_DELAY_MS: RangeInclusive<u32> = 0..=30_000;
/// Milliseconds a final transcript may come late.
pub const TRANSCRIPT_TIMEOUT_MS: RangeInclusive<u32> = 50..=10_000;
/// Milliseconds of speech that interrupt.
pub const INTERRUPTION_MIN_DURATION_MS: RangeInclusive<u32> = 0..=10_000;
/// Words that interrupt.
pub const INTERRUPTION_MIN_WORDS: RangeInclusive<u32> = 0..=20;
/// Milliseconds at the start of a speech in which nothing interrupts it.
pub const INTERRUPTION_DEAD_TIME_MS: RangeInclusive<u32> = 0..=5000;
/// Milliseconds after which an interruption without words was false.
pub const FALSE_INTERRUPTION_TIMEOUT_MS: RangeInclusive<u32> = 100..=30_000;
/// Milliseconds of speech beyond which thinking ahead is not worth it.
pub const PREEMPTIVE_MAX_SPEECH_MS: RangeInclusive<u32> = 0..=DAY_MS;
/// Milliseconds of silence before a prompt, or the end of the call.
pub const SILENCE_MS: RangeInclusive<u32> = 1000..=DAY_MS;
/// Milliseconds from the caller's turn to the filler, the apology and the rescue; each after the one before.
pub const WATCHDOG_MS: [RangeInclusive<u32>; 3] = [500..=60_000, 501..=120_000, 502..=300_000];
/// Milliseconds between two speeches of the agent.
pub const MIN_SPEECH_GAP_MS: RangeInclusive<u32> = 0..=10_000;
/// Tool calls in a row before the model must answer.
pub const MAX_TOOL_STEPS: RangeInclusive<u32> = 1..=20;

/// Probability of speech that begins it, when nothing is set.
pub const DEFAULT_VAD_ACTIVATION: f32 = 0.5;
/// Least delay of endpointing, when nothing is set.
pub const DEFAULT_ENDPOINTING_MIN_DELAY_MS: u32 = 600;
/// The watchdog's three steps, when nothing is set.
pub const DEFAULT_WATCHDOG_MS: [u32; 3] = [6000, 12_000, 20_000];
