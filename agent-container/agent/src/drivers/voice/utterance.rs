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
    /// Words that wait for their sound.
    early: Vec<WordTime>,
    /// Words told, with times in this vendor's audio.
    told: Vec<WordTime>,
    /// Samples of earlier vendors, who failed in the middle.
    before: usize,
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
            told: Vec::new(),
            before: 0,
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

    /// Words that are complete and whose sound is here, with times in the audio as it is played.
    pub(super) fn ready_words(&mut self) -> Vec<WordTime> {
        if !self.lead.is_over() {
            return Vec::new();
        }
        let (lead_ms, here_ms) = (self.lead.dropped_ms(), self.here_ms());
        let sounds = |word: &WordTime| word.end_ms.saturating_sub(lead_ms) <= here_ms;
        let all = self.source == Source::Complete;
        let ready = self.early.iter().take_while(|word| all || sounds(word)).count();
        let mut words: Vec<_> = self.early.drain(..ready).collect();
        shift(&mut words, |ms| ms.saturating_sub(lead_ms));
        self.told.extend_from_slice(&words);
        let before_ms = samples_ms(self.before);
        shift(&mut words, |ms| ms + before_ms);
        self.note_words(&words);
        words
    }

    /// Audio of this vendor so far, without its leading silence.
    fn here_ms(&self) -> u64 {
        samples_ms((self.appended + self.waiting.len()).saturating_sub(self.before))
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

    /// Lets another vendor say it: all of it, or what is left when the ring has some of it.
    pub(super) fn start_over(&mut self) {
        if self.appended > 0 {
            let rest = rest(&self.text(), &self.told, self.here_ms());
            self.texts = if rest.is_empty() { Vec::new() } else { vec![rest] };
            self.before = self.appended + self.waiting.len();
            self.recording = None;
        } else {
            self.waiting.clear();
            self.recording = self.is_phrase().then(Clip::default);
        }
        self.resampler = None;
        self.words = Words::default();
        self.lead = LeadTrim::default();
        self.early.clear();
        self.told.clear();
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

fn shift(words: &mut [WordTime], to: impl Fn(u64) -> u64) {
    for word in words {
        (word.start_ms, word.end_ms) = (to(word.start_ms), to(word.end_ms));
    }
}

/// Milliseconds of audio at the pipeline's rate.
pub(super) fn samples_ms(samples: usize) -> u64 {
    samples as u64 * 1000 / u64::from(PIPELINE_HZ)
}

/// The words of `text` that have not sounded after `here_ms` of it. Where the vendor gave no times, all of the sentence
/// that was under way, and the last one in any case: a word heard twice is better than one never heard.
fn rest(text: &str, times: &[WordTime], here_ms: u64) -> String {
    let said = dialogue::heard(text, times, None, SYLLABLES_PER_S, here_ms);
    let ends = ['.', '!', '?'];
    let under_way = if said.len() < text.trim().len() { said.as_str() } else { said.trim_end_matches(ends) };
    let said = match (times.is_empty(), under_way.rfind(ends)) {
        (false, _) => said.as_str(),
        (true, Some(end)) => &said[..=end],
        (true, None) => "",
    };
    let count = said.split_whitespace().count();
    text.split_whitespace().skip(count).collect::<Vec<_>>().join(" ")
}

/// How fast a voice without word times is taken to speak: slowly, so that no word is skipped (livekit's transcript
/// synchroniser takes 3.83).
const SYLLABLES_PER_S: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, times: &[(&str, u64, u64)], here_ms: u64, left: &str) {
        let word =
            |&(text, start_ms, end_ms): &(&str, u64, u64)| WordTime { text: text.into(), start_ms, end_ms };
        let times: Vec<_> = times.iter().map(word).collect();
        assert_eq!(rest(text, &times, here_ms), left);
    }

    #[test]
    fn another_voice_goes_on_where_the_first_one_broke_off() {
        let times = [("Well,", 0, 400), ("come", 500, 700), ("in.", 800, 1000)];
        check("Well, come in.", &times[..2], 700, "in.");
        check("Well, come in.", &times[..1], 480, "come in.");
        check("Well, come in.", &times, 1000, "");
        check("Well, come  in.", &[], 600, "Well, come in.");
    }

    #[test]
    fn without_times_the_sentence_under_way_is_said_again() {
        check("That is fine. See you on Monday.", &[], 2500, "See you on Monday.");
        check("That is fine. See you on Monday.", &[], 20, "That is fine. See you on Monday.");
    }
}
