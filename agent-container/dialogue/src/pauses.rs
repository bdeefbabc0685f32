//! How long to wait after the caller's last sound: learnt pauses and rules on the text.

use crate::{CallTime, Endpointing, EndpointingMode};

/// Learns the caller's pauses (livekit `voice/endpointing.py`): a moving average of the silences inside
/// turns, between the configured bounds.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    average_ms: Option<f64>,
    last_end: Option<CallTime>,
    agent_began: Option<CallTime>,
}

impl Pauses {
    /// The agent became audible. While the caller speaks, the pause before is no longer one of the caller's.
    pub(crate) fn agent_began(&mut self, now: CallTime, caller_speaks: bool) {
        self.agent_began = Some(now);
        if caller_speaks {
            self.last_end = Some(now - 1);
        }
    }

    /// An utterance is complete; `was_backchannel` teaches nothing.
    pub(crate) fn utterance(
        &mut self,
        start: CallTime,
        end: CallTime,
        config: &Endpointing,
        was_backchannel: bool,
    ) {
        let sample = self.sample(start, config).filter(|_| !was_backchannel);
        if let Some(sample) = sample {
            let old = self.delay_ms(config);
            self.average_ms = Some(config.alpha * old + (1.0 - config.alpha) * sample);
        }
        self.last_end = Some(end);
        self.agent_began = None;
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a call are far below 2^52")]
    fn sample(&self, start: CallTime, config: &Endpointing) -> Option<f64> {
        let last_end = self.last_end?;
        let pause = start.since(last_end);
        let Some(agent) = self.agent_began else { return Some(pause as f64) };
        let agent_gap = agent.since(last_end);
        let interruption_gap = start.since(agent);
        let at_once = agent_gap > 0
            && agent_gap <= config.max_delay_ms
            && interruption_gap > 0
            && interruption_gap as f64 <= self.delay_ms(config);
        at_once.then_some(pause as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "configured delays are small")]
    fn delay_ms(&self, config: &Endpointing) -> f64 {
        let (min, max) = (config.min_delay_ms as f64, config.max_delay_ms as f64);
        self.average_ms.unwrap_or(min).clamp(min, max)
    }

    /// The delay in force, and the rule that set it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped between two u64")]
    pub(crate) fn delay(&self, text: &str, config: &Endpointing) -> (u64, &'static str) {
        let (base, rule) = match config.mode {
            EndpointingMode::Fixed => (config.min_delay_ms, "fixed"),
            EndpointingMode::Dynamic => (self.delay_ms(config).round() as u64, "dynamic"),
        };
        let Some(rules) = &config.text_rules else { return (base, rule) };
        match look(text) {
            Look::Punctuated => (rules.punctuated_ms, "text_punctuated"),
            Look::Number => (rules.number_ms.max(base), "text_number"),
            Look::Unfinished => (rules.unfinished_ms.max(base), "text_unfinished"),
            Look::Plain => (base, rule),
        }
    }
}

/// Do the words, by this rule of [`Pauses::delay`], want more words?
pub(crate) fn is_open_ended(rule: &str) -> bool {
    matches!(rule, "text_number" | "text_unfinished")
}

/// What the end of a text looks like.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Punctuated,
    Number,
    Unfinished,
    Plain,
}

/// Words that want another one.
const OPEN_WORDS: [&str; 62] = [
    "a", "about", "an", "and", "are", "at", "because", "but", "by", "er", "erm", "for", "from", "hmm", "i",
    "if", "in", "is", "it's", "like", "my", "of", "on", "or", "our", "so", "that", "the", "to", "uh", "um",
    "was", "we", "were", "with", "your", "aber", "als", "auf", "das", "dass", "dem", "den", "der", "die",
    "ein", "eine", "für", "ich", "ist", "mein", "meine", "mit", "oder", "und", "von", "weil", "zu", "zum",
    "äh", "ähm", "et",
];

/// Number words end a group of digits as often as digits do.
const NUMBER_WORDS: [&str; 23] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "triple",
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
];

/// What a word at the end of a text tells about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordClass {
    /// It wants another word.
    Open,
    /// A number, or a part of one.
    Number,
    /// Nothing.
    Other,
}

/// The class of a word in lower case, without punctuation; what is both is a number.
#[must_use]
pub fn word_class(word: &str) -> WordClass {
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) || NUMBER_WORDS.contains(&word) {
        WordClass::Number
    } else if OPEN_WORDS.contains(&word) {
        WordClass::Open
    } else {
        WordClass::Other
    }
}

fn look(text: &str) -> Look {
    let text = text.trim_end();
    if text.ends_with(['…', ',', ';', ':', '-', '–', '、', '，', '،']) || text.ends_with("...") {
        return Look::Unfinished;
    }
    let words = crate::words::words(text);
    let Some(last) = words.last() else { return Look::Plain };
    let number = |w: &String| word_class(w) == WordClass::Number;
    if number(last) {
        let groups = words.iter().rev().take_while(|w| number(w)).count();
        let digits: usize = words.iter().rev().take_while(|w| number(w)).map(|w| digit_count(w)).sum();
        if groups >= 2 || digits >= 3 {
            return Look::Number;
        }
    }
    if text.ends_with(['.', '!', '?', '。', '！', '？', '؟', '।']) {
        return Look::Punctuated;
    }
    if word_class(last) == WordClass::Open {
        return Look::Unfinished;
    }
    Look::Plain
}

fn digit_count(word: &str) -> usize {
    word.chars().filter(char::is_ascii_digit).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_tells_whether_more_comes() {
        let check = |text, expected| assert_eq!(look(text), expected, "{text}");
        check("I'd like a table.", Look::Punctuated);
        check("I'd like a table for", Look::Unfinished);
        check("My number is,", Look::Unfinished);
        check("well...", Look::Unfinished);
        check("five five five", Look::Number);
        check("It's 0171.", Look::Number);
        check("a table for 2", Look::Plain);
        check("yes please", Look::Plain);
        check("¿Tiene una mesa?", Look::Punctuated);
        check("予約したいのですが、", Look::Unfinished);
        check("هل لديكم طاولة؟", Look::Punctuated);
        check("", Look::Plain);
    }

    fn dynamic() -> Endpointing {
        Endpointing {
            mode: EndpointingMode::Dynamic,
            min_delay_ms: 500,
            max_delay_ms: 3000,
            text_rules: None,
            ..Endpointing::default()
        }
    }

    fn at(ms: u64) -> CallTime {
        CallTime::from_ms(ms)
    }

    #[test]
    fn pauses_inside_turns_lengthen_the_delay() {
        let (config, mut pauses) = (dynamic(), Pauses::default());
        pauses.utterance(at(0), at(1000), &config, false);
        pauses.utterance(at(2500), at(3000), &config, false);
        assert_eq!(pauses.delay("", &config), (600, "dynamic"));
    }

    #[test]
    fn an_answer_between_two_utterances_is_no_pause() {
        let (config, mut pauses) = (dynamic(), Pauses::default());
        pauses.utterance(at(0), at(1000), &config, false);
        pauses.agent_began(at(2000), false);
        pauses.utterance(at(9000), at(9500), &config, false);
        assert_eq!(pauses.delay("", &config).0, 500);
    }

    #[test]
    fn talking_right_over_the_agent_means_it_came_too_early() {
        let (config, mut pauses) = (dynamic(), Pauses::default());
        pauses.utterance(at(0), at(1000), &config, false);
        pauses.agent_began(at(2000), false);
        pauses.utterance(at(2300), at(3000), &config, false);
        assert_eq!(pauses.delay("", &config).0, 580);
    }

    #[test]
    fn a_backchannel_teaches_nothing() {
        let (config, mut pauses) = (dynamic(), Pauses::default());
        pauses.utterance(at(0), at(1000), &config, false);
        pauses.utterance(at(2500), at(2800), &config, true);
        assert_eq!(pauses.delay("", &config).0, 500);
    }
}
