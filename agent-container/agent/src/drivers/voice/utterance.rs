//! One thing the agent says: its words, its audio until the ring takes it, and who synthesises it.

use audio::{LeadTrim, PIPELINE_HZ, Resampler};
use dialogue::{SayId, SayKind, WordTime};
use speech::{Attempt, ContextId, Kind, SpokenChar};
use tokio::time::Instant;

use super::clips::Clip;
use super::words::Words;

/// Who makes the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Nobody yet.
    None,
    /// The vendor at this place of the chain, in this context.
    Vendor {
        /// Place in the chain.
        at: usize,
        /// The vendor's name for it.
        context: ContextId,
    },
    /// It is all here, or nobody will make more.
    Complete,
    /// A speech-to-speech session.
    Live,
}

/// One thing the agent says.
#[derive(Debug)]
pub(super) struct Utterance {
    /// The dialogue's name for it.
    pub(super) id: SayId,
    /// What kind of speech.
    pub(super) kind: SayKind,
    /// Its words, in pieces.
    pub(super) texts: Vec<String>,
    /// Pieces sent to the vendor.
    pub(super) sent: usize,
    /// No more pieces follow.
    pub(super) ended: bool,
    /// Pass over the first vendor.
    pub(super) fallback: bool,
    /// Its way through the chain, once it has begun.
    pub(super) attempt: Option<Attempt>,
    /// When the vendor may be asked again.
    pub(super) retry_at: Option<Instant>,
    /// Who makes the audio.
    pub(super) source: Source,
    /// Audio the ring has not taken yet.
    pub(super) waiting: Vec<i16>,
    /// Samples the ring took.
    pub(super) appended: usize,
    /// The first audio has come.
    pub(super) sounded: bool,
    /// Its words with times.
    pub(super) words: Words,
    /// When the vendor was last heard of, or asked.
    pub(super) since: Instant,
    resampler: Option<(u32, Resampler)>,
    /// Takes the silence before the speech away.
    lead: LeadTrim,
    /// Words whose times are not known before the end of that silence.
    early: Vec<WordTime>,
    /// All of it so far, for phrases.
    recording: Option<Clip>,
}

impl Utterance {
    /// One without words yet.
    #[must_use]
    pub(super) fn new(id: SayId, kind: SayKind) -> Self {
        Self {
            id,
            kind,
            texts: Vec::new(),
            sent: 0,
            ended: false,
            fallback: false,
            attempt: None,
            retry_at: None,
            source: Source::None,
            waiting: Vec::new(),
            appended: 0,
            sounded: false,
            words: Words::default(),
            since: Instant::now(),
            resampler: None,
            lead: LeadTrim::default(),
            early: Vec::new(),
            recording: (kind != SayKind::Reply).then(Clip::default),
        }
    }

    /// One of a speech-to-speech session, which wants to know how much of its own audio was heard: all of it
    /// is played.
    #[must_use]
    pub(super) fn live(id: SayId) -> Self {
        let mut utterance = Self::new(id, SayKind::Reply);
        utterance.source = Source::Live;
        utterance.lead.finish(&mut utterance.waiting);
        utterance
    }

    /// All its words.
    #[must_use]
    pub(super) fn text(&self) -> String {
        self.texts.join(" ")
    }

    /// Takes audio at any rate. `true` for the first of it.
    pub(super) fn hear(&mut self, sample_rate: u32, samples: &[i16]) -> bool {
        self.since = Instant::now();
        if self.resampler.as_ref().is_none_or(|(rate, _)| *rate != sample_rate) {
            // A rate nobody can resample is as good as no audio: the deadline finds it.
            let Ok(resampler) = Resampler::new(sample_rate, PIPELINE_HZ) else { return false };
            self.resampler = Some((sample_rate, resampler));
        }
        if let Some((_, resampler)) = &mut self.resampler {
            let mut resampled = Vec::new();
            resampler.push(samples, &mut resampled);
            self.take(|lead, waiting| lead.push(&resampled, waiting));
        }
        !samples.is_empty() && !std::mem::replace(&mut self.sounded, true)
    }

    /// What the trimmed lead lets through, for the ring and for the recording.
    fn take(&mut self, pass: impl FnOnce(&mut LeadTrim, &mut Vec<i16>)) {
        let before = self.waiting.len();
        pass(&mut self.lead, &mut self.waiting);
        if let Some(clip) = &mut self.recording {
            clip.samples.extend_from_slice(&self.waiting[before..]);
        }
    }

    /// Takes the times of characters; [`Self::ready_words`] gives the words they complete.
    pub(super) fn spell(&mut self, chars: &[SpokenChar]) {
        self.early.extend(self.words.push(chars));
    }

    /// The last word is whole, as no more characters come.
    pub(super) fn last_word(&mut self) {
        self.early.extend(self.words.finish());
    }

    /// Words that are complete, with times in the audio as it is played; none before its sound begins.
    pub(super) fn ready_words(&mut self) -> Vec<WordTime> {
        if !self.lead.is_over() {
            return Vec::new();
        }
        let lead_ms = self.lead.dropped_ms();
        let mut words = std::mem::take(&mut self.early);
        for word in &mut words {
            word.start_ms = word.start_ms.saturating_sub(lead_ms);
            word.end_ms = word.end_ms.saturating_sub(lead_ms);
        }
        self.note_words(&words);
        words
    }

    fn note_words(&mut self, words: &[WordTime]) {
        if let Some(clip) = &mut self.recording {
            clip.words.extend_from_slice(words);
        }
    }

    /// Something fixed that is said again and again, unlike a reply.
    pub(super) fn is_phrase(&self) -> bool {
        self.kind != SayKind::Reply
    }

    /// A phrase as the vendor made it, whole.
    pub(super) fn take_recording(&mut self) -> Option<Clip> {
        self.recording.take()
    }

    /// No more audio comes.
    pub(super) fn complete(&mut self) {
        if let Some((_, mut resampler)) = self.resampler.take() {
            let mut rest = Vec::new();
            resampler.finish(&mut rest);
            self.take(|lead, waiting| lead.push(&rest, waiting));
        }
        self.take(LeadTrim::finish);
        self.source = Source::Complete;
    }

    /// Forgets what one vendor made, so that another can begin again.
    pub(super) fn start_over(&mut self) {
        self.waiting.clear();
        self.resampler = None;
        self.words = Words::default();
        self.lead = LeadTrim::default();
        self.early.clear();
        self.recording = self.is_phrase().then(Clip::default);
        self.sounded = false;
        self.sent = 0;
        self.source = Source::None;
    }

    /// When the vendor is given up or asked again; `None` while it owes nothing.
    #[must_use]
    pub(super) fn deadline(&self) -> Option<Instant> {
        let Source::Vendor { .. } = self.source else { return self.retry_at };
        let deadlines = Kind::Tts.deadlines();
        if !self.sounded {
            return Some(self.since + deadlines.first);
        }
        self.ended.then(|| self.since + deadlines.between)
    }
}
