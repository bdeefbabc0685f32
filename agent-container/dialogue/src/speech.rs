//! One speech of the agent: its text, its place in time, and what holds it back.

use crate::{CallTime, Message, SayId, SayKind, TurnId, WordTime};

/// Text on its way to the caller's ear.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) id: SayId,
    pub(crate) kind: SayKind,
    /// The turn it answers.
    pub(crate) turn: Option<TurnId>,
    /// Since when it answers: what the caller asked until then stands before it.
    pub(crate) since: CallTime,
    /// All text handed to the voice.
    pub(crate) text: String,
    /// No more text comes.
    pub(crate) closed: bool,
    pub(crate) interruptible: bool,
    /// Spoken by the fallback vendor.
    pub(crate) fallback: bool,
    /// The vendor's name of the item, for a speech-to-speech session.
    pub(crate) item: Option<String>,
    /// Messages that enter the history right behind it.
    pub(crate) then: Vec<Message>,
    /// Since when nothing but the voice keeps it from sounding.
    pub(crate) free_since: CallTime,
    pub(crate) started: Option<CallTime>,
    playing_since: Option<CallTime>,
    played_ms: u64,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) words: Vec<WordTime>,
    /// Synthesis broke off.
    pub(crate) failed: bool,
    /// Stopped for good, waiting for its position.
    pub(crate) hushed: bool,
    holds: u8,
    /// The driver was told to hold it.
    pub(crate) held: bool,
}

/// Reasons to hold a speech back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Another speech is before it.
    Queue = 1,
    /// The phone still rings.
    Ringing = 2,
    /// The caller has the floor.
    Caller = 4,
    /// The caller may have interrupted it.
    BargeIn = 8,
    /// The turn it answers is not committed.
    Speculative = 16,
    /// The road is broken.
    Line = 32,
    /// The gap after the speech before.
    Gap = 64,
}

impl Speech {
    pub(crate) fn new(id: SayId, kind: SayKind, turn: Option<TurnId>, now: CallTime) -> Self {
        Self {
            id,
            kind,
            turn,
            since: now,
            text: String::new(),
            closed: false,
            interruptible: true,
            fallback: false,
            item: None,
            then: Vec::new(),
            free_since: now,
            started: None,
            playing_since: None,
            played_ms: 0,
            duration_ms: None,
            words: Vec::new(),
            failed: false,
            hushed: false,
            holds: 0,
            held: false,
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.holds != 0
    }

    pub(crate) fn has(&self, hold: Hold) -> bool {
        self.holds & hold as u8 != 0
    }

    pub(crate) fn set(&mut self, hold: Hold, on: bool) {
        if on {
            self.holds |= hold as u8;
        } else {
            self.holds &= !(hold as u8);
        }
    }

    /// Audible right now?
    pub(crate) fn sounds(&self) -> bool {
        self.started.is_some() && !self.hushed && !self.is_held()
    }

    /// Has begun to sound and is not stopped for good; it may be paused.
    pub(crate) fn is_begun(&self) -> bool {
        self.started.is_some() && !self.hushed
    }

    pub(crate) fn begin(&mut self, now: CallTime) {
        self.started = self.started.or(Some(now));
        self.playing_since = Some(now);
    }

    pub(crate) fn stop_clock(&mut self, now: CallTime) {
        if let Some(since) = self.playing_since.take() {
            self.played_ms += now.since(since);
        }
    }

    pub(crate) fn start_clock(&mut self, now: CallTime) {
        if self.started.is_some() {
            self.playing_since = self.playing_since.or(Some(now));
        }
    }

    /// The driver's own count beats ours.
    pub(crate) fn correct_position(&mut self, now: CallTime, position_ms: u64) {
        self.played_ms = position_ms;
        if self.playing_since.is_some() {
            self.playing_since = Some(now);
        }
    }

    /// Position by our own clock.
    pub(crate) fn position_ms(&self, now: CallTime) -> u64 {
        self.played_ms + self.playing_since.map_or(0, |since| now.since(since))
    }

    /// Takes word times. Times that go back come from another vendor that began anew.
    pub(crate) fn hear_words(&mut self, words: Vec<WordTime>) {
        let anew = words.first().zip(self.words.last()).is_some_and(|(new, old)| new.start_ms < old.start_ms);
        if anew {
            self.words.clear();
        }
        self.words.extend(words);
    }

    /// When playout should be over, once that is known.
    pub(crate) fn ends_at(&self) -> Option<CallTime> {
        let since = self.playing_since.filter(|_| self.closed && !self.hushed)?;
        Some(since + self.duration_ms?.saturating_sub(self.played_ms))
    }

    /// When the text so far should be spoken, while more is to come.
    pub(crate) fn runs_dry_at(&self, syllables_per_s: f64) -> Option<CallTime> {
        let since = self.playing_since.filter(|_| !self.closed && !self.hushed)?;
        let syllables: u32 = self.text.split_whitespace().map(crate::words::syllables).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "minutes at most, positive"
        )]
        let spoken_ms = (f64::from(syllables) / syllables_per_s * 1000.0) as u64;
        Some(since + spoken_ms.saturating_sub(self.played_ms))
    }

    /// What the caller heard up to `position_ms`.
    pub(crate) fn heard(&self, position_ms: u64, syllables_per_s: f64) -> String {
        if self.started.is_none() {
            return String::new();
        }
        crate::heard::heard(&self.text, &self.words, self.duration_ms, syllables_per_s, position_ms)
    }
}
