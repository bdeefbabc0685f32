//! What is known of the caller: the voice, the words of the open turn, and when they were.

use crate::{CallTime, Vad};

/// The caller's side of the open turn.
#[derive(Debug, Default)]
pub(crate) struct Caller {
    /// The stretch of speech VAD is in, if it is in one.
    pub(crate) segment: Option<Segment>,
    /// Words that will not change, of the open turn.
    pub(crate) finals: String,
    /// Words that may change.
    pub(crate) interim: String,
    /// First sound of the open turn.
    pub(crate) first_sound: Option<CallTime>,
    /// Last sound of the open turn.
    pub(crate) last_sound: Option<CallTime>,
    /// Last final transcript of the open turn.
    pub(crate) last_final: Option<CallTime>,
    /// Last time the words changed.
    pub(crate) last_word: Option<CallTime>,
    /// The recogniser said that speech is over, and nothing new came since.
    pub(crate) stt_ended: Option<CallTime>,
    /// Words of the last turn that was committed with interim words only: their final is no new turn.
    pub(crate) committed_early: Option<String>,
    /// The recogniser broke down since the last final: words of the open turn are on their way to the next one.
    pub(crate) unheard: bool,
    /// Words that did not interrupt, and when their last sound was.
    pub(crate) unaccepted: Option<(String, CallTime)>,
    /// Voice of the whole turn in ms, for the limits of working ahead.
    pub(crate) voiced_ms: u64,
}

/// A stretch of speech between `Vad::Started` and `Vad::Ended`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    /// First sound.
    pub(crate) start: CallTime,
    /// Begin of the running voice, `None` inside a short silence.
    voice_since: Option<CallTime>,
    /// Voice before that, in ms.
    voiced_ms: u64,
    /// Voice without words for so long that it counts as noise until words come.
    pub(crate) noise: bool,
    /// Words came in this segment.
    pub(crate) worded: bool,
    /// Begin of what a recogniser of whole utterances has not had yet.
    pub(crate) utterance: CallTime,
    /// When it was last asked for the words so far.
    pub(crate) asked: Option<CallTime>,
}

impl Segment {
    /// Voice so far in ms, without the silences.
    pub(crate) fn voiced_ms(&self, now: CallTime) -> u64 {
        self.voiced_ms + self.voice_since.map_or(0, |since| now.since(since))
    }

    /// Inside a short silence, which VAD will end or call the end.
    pub(crate) fn is_hushed(&self) -> bool {
        self.voice_since.is_none()
    }

    /// When it will have `min_ms` of voice if the voice goes on; `None` inside a silence.
    pub(crate) fn reaches(&self, min_ms: u64) -> Option<CallTime> {
        self.voice_since.map(|since| since + min_ms.saturating_sub(self.voiced_ms))
    }
}

impl Caller {
    /// Does the caller speak, as far as the floor is concerned? Noise does not.
    pub(crate) fn has_floor(&self) -> bool {
        self.segment.is_some_and(|s| !s.noise)
    }

    /// All words of the open turn.
    pub(crate) fn words(&self) -> String {
        join(&self.finals, &self.interim)
    }

    /// Has the open turn any words?
    pub(crate) fn has_words(&self) -> bool {
        !self.finals.is_empty() || !self.interim.is_empty()
    }

    /// Follows a VAD edge; `Some` when a segment ended.
    pub(crate) fn follow(&mut self, now: CallTime, edge: Vad) -> Option<Segment> {
        match edge {
            Vad::Started { speech_ms } => {
                let start = now - speech_ms;
                self.first_sound = Some(self.first_sound.map_or(start, |first| first.min(start)));
                self.stt_ended = None;
                self.segment = Some(Segment {
                    start,
                    voice_since: Some(start),
                    voiced_ms: 0,
                    noise: false,
                    worded: false,
                    utterance: start,
                    asked: None,
                });
                None
            }
            Vad::Hushed { silence_ms } => {
                if let Some(s) = &mut self.segment
                    && let Some(since) = s.voice_since.take()
                {
                    s.voiced_ms += (now - silence_ms).since(since);
                    self.last_sound = Some(now - silence_ms);
                }
                None
            }
            Vad::Resumed { speech_ms } => {
                if let Some(s) = &mut self.segment {
                    s.voice_since = s.voice_since.or(Some(now - speech_ms));
                }
                None
            }
            Vad::Ended { silence_ms } => {
                let mut ended = self.segment.take()?;
                let end = now - silence_ms;
                self.last_sound = Some(self.last_sound.map_or(end, |last| last.max(end)));
                if let Some(since) = ended.voice_since.take() {
                    ended.voiced_ms += end.since(since);
                }
                self.voiced_ms += ended.voiced_ms;
                Some(ended)
            }
        }
    }

    /// Takes interim words; `true` when they are new.
    pub(crate) fn hear_interim(&mut self, now: CallTime, text: &str) -> bool {
        let changed = crate::words::normalise(text) != crate::words::normalise(&self.interim);
        text.trim().clone_into(&mut self.interim);
        if changed && !self.interim.is_empty() {
            self.note_words(now);
        }
        changed
    }

    /// Takes final words. In noise those that were heard as interim ones before are no new voice.
    pub(crate) fn hear_final(&mut self, now: CallTime, text: &str) {
        let known = crate::words::count(text) <= crate::words::count(&self.interim);
        self.finals = join(&self.finals, text.trim());
        self.interim.clear();
        self.unheard = false;
        self.last_final = Some(now);
        match self.segment.as_mut().filter(|s| s.noise && known) {
            Some(segment) => (segment.utterance, segment.asked) = (now, Some(now)),
            None => self.note_words(now),
        }
    }

    fn note_words(&mut self, now: CallTime) {
        self.last_word = Some(now);
        self.stt_ended = None;
        if let Some(s) = &mut self.segment {
            s.worded = true;
            s.noise = false;
        }
    }

    /// Speech end → final transcript and the caller's last sound, unless the anchors belong to another turn.
    pub(crate) fn fresh_anchors(&self) -> Option<(CallTime, CallTime)> {
        let (start, end, last_final) = (self.first_sound?, self.last_sound?, self.last_final?);
        (end >= start).then_some((end, last_final))
    }

    /// The open turn is settled: forget its words, and its times unless newer speech is on.
    pub(crate) fn clear_turn(&mut self) {
        self.finals.clear();
        self.interim.clear();
        self.last_final = None;
        self.last_word = None;
        self.stt_ended = None;
        self.voiced_ms = 0;
        self.unheard = false;
        self.last_sound = None;
        self.first_sound = self.segment.map(|s| s.start);
    }
}

/// Two pieces of text with a space between.
pub(crate) fn join(a: &str, b: &str) -> String {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.to_owned(),
        (_, true) => a.to_owned(),
        _ => format!("{a} {b}"),
    }
}
