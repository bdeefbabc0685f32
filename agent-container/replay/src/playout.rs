//! The fake voice and playout of one speech.

use dialogue::{SayId, WordTime};

use crate::script::Script;

/// One speech in the fake playout.
#[derive(Debug)]
pub(crate) struct Playout {
    text: String,
    /// When its first audio is there.
    pub(crate) ready_ms: u64,
    /// Audio so far.
    pub(crate) length_ms: u64,
    pub(crate) played_ms: u64,
    pub(crate) epoch: u64,
    pub(crate) finished: bool,
    /// No audio will ever come.
    pub(crate) mute: bool,
    closed: bool,
    held: bool,
    started: bool,
    playing_since: Option<u64>,
}

/// What the caller heard of a speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The speech.
    pub id: SayId,
    /// All its text.
    pub text: String,
    /// The words whose middle was played.
    pub words: Vec<String>,
    /// How far it came, in ms.
    pub position_ms: u64,
}

impl Playout {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            text: String::new(),
            ready_ms: now,
            length_ms: 0,
            played_ms: 0,
            epoch: 0,
            finished: false,
            mute: false,
            closed: false,
            held: false,
            started: false,
            playing_since: None,
        }
    }

    /// More text.
    pub(crate) fn add(&mut self, now: u64, text: &str, end: bool, script: &Script) {
        if self.text.is_empty() {
            self.ready_ms = now + script.tts.ttfb_ms;
        }
        let before = self.position(now);
        if !text.is_empty() {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(text);
            self.length_ms += text.split_whitespace().map(word_ms).sum::<u64>();
        }
        if let Some(voice) = script.voices.iter().find(|v| v.text == self.text) {
            self.length_ms = voice.audio_ms;
            if let Some(ttfb) = voice.ttfb_ms.filter(|_| !self.started) {
                self.ready_ms = now + ttfb;
            }
        }
        if end {
            self.length_ms += script.tts.extra_ms;
            self.closed = true;
        }
        if self.playing_since.is_some() {
            self.played_ms = before;
            self.playing_since = Some(now);
        }
    }

    /// A speech whose length is known at once (speech-to-speech).
    pub(crate) fn whole(&mut self, now: u64, length_ms: u64) {
        self.ready_ms = now;
        self.length_ms = length_ms;
        self.closed = true;
    }

    fn position(&self, now: u64) -> u64 {
        let running = self.playing_since.map_or(0, |since| now.saturating_sub(since));
        (self.played_ms + running).min(self.length_ms)
    }

    /// Follows Pause and Resume; the audible span that ended.
    pub(crate) fn hold(&mut self, now: u64, held: bool) -> Option<(u64, u64)> {
        self.held = held;
        if held {
            return self.stop(now);
        }
        if self.started {
            self.playing_since = self.playing_since.or(Some(now));
        }
        None
    }

    pub(crate) fn start(&mut self, now: u64) {
        self.started = true;
        self.playing_since = Some(now);
    }

    /// Stops the clock; the audible span that ended.
    pub(crate) fn stop(&mut self, now: u64) -> Option<(u64, u64)> {
        self.played_ms = self.position(now);
        self.playing_since.take().map(|since| (since, now))
    }

    /// When it begins to play, if it is to begin.
    pub(crate) fn starts_ms(&self, now: u64) -> Option<u64> {
        (!self.started && !self.held).then(|| self.ready_ms.max(now))
    }

    /// When it ends, if it plays and nothing is missing.
    pub(crate) fn ends_ms(&self) -> Option<u64> {
        let since = self.playing_since.filter(|_| self.closed)?;
        Some(since + self.length_ms.saturating_sub(self.played_ms))
    }

    /// When each word is spoken: by its letters, stretched to the audio's length.
    pub(crate) fn word_times(&self) -> Vec<WordTime> {
        let natural: u64 = self.text.split_whitespace().map(word_ms).sum();
        let mut at = 0;
        let scaled = |ms: u64| ms * self.length_ms / natural.max(1);
        self.text
            .split_whitespace()
            .map(|word| {
                let start = at;
                at += word_ms(word);
                WordTime { text: word.to_owned(), start_ms: scaled(start), end_ms: scaled(at) }
            })
            .collect()
    }

    pub(crate) fn heard(&self, id: SayId) -> Heard {
        let heard = |w: &&WordTime| self.started && u64::midpoint(w.start_ms, w.end_ms) <= self.played_ms;
        let times = self.word_times();
        let words = times.iter().take_while(heard).map(|w| w.text.clone()).collect();
        Heard { id, text: self.text.clone(), words, position_ms: self.played_ms }
    }
}

/// A voice of about 15 letters a second.
fn word_ms(word: &str) -> u64 {
    (word.chars().count() as u64 + 1) * 66
}
