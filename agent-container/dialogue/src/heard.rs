//! Which words of a speech the caller had heard when playout stood at a position.

use crate::WordTime;
use crate::words::syllables;

/// The prefix of `text` heard at `position_ms`.
///
/// With the vendor's word times a word counts from its middle on. Otherwise words get time by their
/// syllables: spread over `duration_ms` when the length of the audio is known, else at `syllables_per_s`
/// (3.83, livekit's transcript synchroniser).
#[must_use]
pub fn heard(
    text: &str,
    times: &[WordTime],
    duration_ms: Option<u64>,
    syllables_per_s: f64,
    position_ms: u64,
) -> String {
    if position_ms == 0 {
        return String::new();
    }
    let spoken: Vec<(usize, u32)> = word_ends(text).collect();
    let count = if times.is_empty() {
        by_syllables(&spoken, duration_ms, syllables_per_s, position_ms)
    } else {
        by_times(text, &spoken, times, position_ms)
    };
    let end = count.checked_sub(1).and_then(|last| spoken.get(last)).map_or(0, |&(end, _)| end);
    text[..end].trim().to_owned()
}

/// End offset and syllables of every word.
fn word_ends(text: &str) -> impl Iterator<Item = (usize, u32)> + '_ {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(move |w| (w.as_ptr() as usize - start + w.len(), syllables(w)))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a speech are far below 2^52")]
fn by_syllables(spoken: &[(usize, u32)], duration_ms: Option<u64>, rate: f64, position_ms: u64) -> usize {
    let total: u32 = spoken.iter().map(|&(_, s)| s).sum();
    let per_ms = match duration_ms {
        Some(d) if d > 0 => f64::from(total) / d as f64,
        _ => rate / 1000.0,
    };
    let released = position_ms as f64 * per_ms;
    let mut before = 0.0;
    spoken
        .iter()
        .take_while(|&&(_, s)| {
            let middle = before + f64::from(s) / 2.0;
            before += f64::from(s);
            middle <= released
        })
        .count()
}

/// The vendor's words may be cut differently from ours: count by letters.
fn by_times(text: &str, spoken: &[(usize, u32)], times: &[WordTime], position_ms: u64) -> usize {
    let letters = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).count();
    let heard: usize = times
        .iter()
        .filter(|w| u64::midpoint(w.start_ms, w.end_ms) <= position_ms)
        .map(|w| letters(&w.text))
        .sum();
    spoken.iter().take_while(|&&(end, _)| letters(&text[..end]) <= heard).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "Once upon a time there was a very long story for you and here it ends now.";

    #[test]
    fn words_follow_the_length_of_the_audio() {
        assert_eq!(heard(STORY, &[], Some(10_000), 3.83, 2300), "Once upon a time");
        assert_eq!(heard(STORY, &[], Some(10_000), 3.83, 10_000), STORY);
    }

    #[test]
    fn without_length_words_follow_the_syllable_rate() {
        assert_eq!(heard("One two three four", &[], None, 2.0, 1000), "One two");
    }

    #[test]
    fn nothing_played_is_nothing_heard() {
        assert_eq!(heard(STORY, &[], None, 3.83, 0), "");
    }

    #[test]
    fn word_times_count_from_the_middle_of_a_word() {
        let word = |text: &str, start_ms, end_ms| WordTime { text: text.to_owned(), start_ms, end_ms };
        let times = [word("Well,", 0, 400), word("then.", 500, 900)];
        let at = |ms| heard("Well, then.", &times, None, 3.83, ms);
        assert_eq!(
            (at(199), at(200), at(699), at(700)),
            (String::new(), "Well,".into(), "Well,".into(), "Well, then.".into())
        );
    }
}
