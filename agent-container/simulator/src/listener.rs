//! Ears that know the script: speech heard becomes words of the next line.
//!
//! Words appear in step with the speech heard, so that an interim never knows more than was said. When the speech
//! stops, the rest of the line is there too if most of its expected time was spoken; if not, the caller paused
//! inside the line and the rest waits for the next speech.

use std::collections::VecDeque;

use crate::ears::{BLOCK_MS, Ears, Heard};
use crate::script::Script;

/// Expected speaking time of a line, milliseconds a character: 165 words a minute at 6.1 characters a word.
const MS_PER_CHAR: u64 = 58;
/// Speech shorter than this is a cough, and takes no line.
const SHORTEST_SPEECH_MS: u64 = 150;
/// From this share of a line's expected time on, a pause longer than at a comma is its end.
const MOST: f64 = 0.6;
/// A pause shorter than this may be a comma's.
const PAUSE_AT_COMMA_MS: u64 = 270;
/// A pause shorter than this is inside a word or between two.
const PAUSE_IN_WORD_MS: u64 = 350;
/// A pause shorter than this, in a line that was not spoken whole, is inside the line.
const PAUSE_IN_LINE_MS: u64 = 700;
/// A pause shorter than this keeps the rest of a line waiting; after it, the rest is given up.
const REST_WAITS_MS: u64 = 2000;
/// Silence from which somebody who asks is told the end of a line that was spoken whole.
const ASKED_AFTER_MS: u64 = 80;
/// Share of the expected time from which a line counts as spoken whole.
const WHOLE: f64 = 0.85;

/// A word and when it was said, milliseconds of audio heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
}

/// What a block of audio changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Started { at_ms: u64 },
    MoreWords,
    Stopped { at_ms: u64 },
}

/// One connection's ears.
#[derive(Debug)]
pub(crate) struct Listener {
    ears: Ears,
    script: Script,
    next_line: usize,
    line: Line,
    speaking: bool,
    /// End of the last speech, or now while it lasts.
    speech_end_ms: u64,
    /// Quiet blocks in speech: part of it only when it goes on.
    quiet_ms: u64,
    /// Start of the current stretch of speech.
    onset_ms: u64,
    /// Words said and not yet taken.
    said: Vec<Word>,
}

#[derive(Debug, Default)]
struct Line {
    rest: VecDeque<String>,
    words: usize,
    revealed: usize,
    expected_ms: u64,
    spoken_ms: u64,
    /// Whether the current stretch of speech was found to belong to it.
    taken: bool,
}

impl Line {
    fn spoken_at_least(&self, share: f64) -> bool {
        self.spoken_ms as f64 >= share * self.expected_ms as f64
    }

    /// Words that should have been said by now.
    fn due(&self) -> usize {
        let due = self.words as u64 * self.spoken_ms / self.expected_ms.max(1);
        (due as usize).min(self.words)
    }
}

impl Listener {
    pub(crate) fn new(sample_rate: u32, script: Script) -> Self {
        Self::starting_at(sample_rate, script, 0)
    }

    /// Ears whose first utterance is this line.
    pub(crate) fn starting_at(sample_rate: u32, script: Script, next_line: usize) -> Self {
        Self {
            ears: Ears::new(sample_rate),
            script,
            next_line,
            line: Line::default(),
            speaking: false,
            speech_end_ms: 0,
            quiet_ms: 0,
            onset_ms: 0,
            said: Vec::new(),
        }
    }

    /// Hears more audio, block by block: what a block changes is noticed at its own time.
    pub(crate) fn hear(&mut self, samples: &[i16]) -> Vec<Change> {
        let mut changes = Vec::new();
        for block in samples.chunks(self.ears.block_len()) {
            for heard in self.ears.hear(block) {
                changes.extend(self.notice(heard));
            }
        }
        changes
    }

    /// Audio heard so far, milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.ears.now_ms()
    }

    /// Silence since the last speech, milliseconds; 0 while somebody speaks or when nobody did yet.
    pub(crate) fn silence_ms(&self) -> u64 {
        if self.speaking || self.speech_end_ms == 0 {
            0
        } else {
            self.now_ms().saturating_sub(self.speech_end_ms)
        }
    }

    pub(crate) fn speaking(&self) -> bool {
        self.speaking
    }

    /// Line of the next utterance.
    pub(crate) fn next_line(&self) -> usize {
        self.next_line
    }

    /// Whether the line was spoken to its end, as far as can be told.
    pub(crate) fn line_done(&self) -> bool {
        self.line.rest.is_empty()
    }

    /// Words said and not yet taken.
    pub(crate) fn said(&self) -> &[Word] {
        &self.said
    }

    /// Somebody wants to know now what was said: in a silence after a whole line, that is all of it.
    pub(crate) fn ask(&mut self) {
        if self.quiet_ms >= ASKED_AFTER_MS {
            self.pause(WHOLE);
        }
    }

    /// Takes the first `n` of the words said.
    pub(crate) fn take(&mut self, n: usize) -> Vec<Word> {
        self.said.drain(..n.min(self.said.len())).collect()
    }

    fn notice(&mut self, heard: Heard) -> Option<Change> {
        match heard {
            Heard::Nothing => {
                (self.silence_ms() >= PAUSE_AT_COMMA_MS && self.pause(MOST)).then_some(Change::MoreWords)
            }
            Heard::Onset { at_ms } => {
                self.begin(at_ms);
                Some(Change::Started { at_ms })
            }
            Heard::Speech { loud: false } => {
                self.quiet_ms += BLOCK_MS;
                None
            }
            Heard::Speech { loud: true } => {
                self.speech_end_ms = self.now_ms();
                self.line.spoken_ms += std::mem::take(&mut self.quiet_ms) + BLOCK_MS;
                (self.speech_end_ms - self.onset_ms >= SHORTEST_SPEECH_MS && self.go_on())
                    .then_some(Change::MoreWords)
            }
            Heard::Offset { at_ms } => {
                self.speaking = false;
                self.speech_end_ms = at_ms;
                self.quiet_ms = 0;
                self.pause(WHOLE);
                Some(Change::Stopped { at_ms })
            }
        }
    }

    fn begin(&mut self, at_ms: u64) {
        let pause_ms = at_ms.saturating_sub(self.speech_end_ms);
        let whole = self.line.spoken_at_least(WHOLE);
        let waits = !self.line.rest.is_empty() && pause_ms < REST_WAITS_MS;
        let longest_ms = if whole { PAUSE_IN_WORD_MS } else { PAUSE_IN_LINE_MS };
        let inside = self.line.taken && pause_ms < longest_ms;
        if !waits && !inside {
            self.line = Line::default();
        }
        self.speaking = true;
        self.onset_ms = at_ms;
        self.speech_end_ms = self.now_ms();
        self.line.spoken_ms += self.now_ms() - at_ms;
    }

    /// Reveals words in step with the time spoken; whether there were any.
    fn go_on(&mut self) -> bool {
        if !self.line.taken {
            self.line.taken = true;
            self.start_line();
        }
        self.reveal(self.line.due())
    }

    /// A pause after this share of the line: whether it is its end, and brought more words.
    fn pause(&mut self, share: f64) -> bool {
        self.line.taken && self.line.spoken_at_least(share) && self.reveal(self.line.words)
    }

    fn start_line(&mut self) {
        let text = self.script.line(self.next_line).unwrap_or_default();
        self.line.rest = text.split_whitespace().map(str::to_owned).collect();
        self.line.words = self.line.rest.len();
        self.line.expected_ms = text.chars().count() as u64 * MS_PER_CHAR;
        self.next_line += 1;
    }

    fn reveal(&mut self, up_to: usize) -> bool {
        let fresh = up_to.saturating_sub(self.line.revealed).min(self.line.rest.len());
        if fresh == 0 {
            return false;
        }
        let from = self.said.last().map_or(self.onset_ms, |word| word.end_ms.max(self.onset_ms));
        let step = self.speech_end_ms.saturating_sub(from) / fresh as u64;
        for (n, text) in self.line.rest.drain(..fresh).enumerate() {
            let start_ms = from + step * n as u64;
            self.said.push(Word { text, start_ms, end_ms: start_ms + step });
        }
        self.line.revealed += fresh;
        true
    }
}

#[cfg(test)]
mod tests;
