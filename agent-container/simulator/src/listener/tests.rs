//! What is heard of speech and silence.

use super::*;
use crate::script::AfterLast;

const RATE: u32 = 16_000;

/// Milliseconds of a loud tone or of silence.
enum Sound {
    Speech(u64),
    Silence(u64),
}
use Sound::{Silence, Speech};

fn samples(sound: &Sound) -> Vec<i16> {
    let (ms, level) = match sound {
        Speech(ms) => (ms, 8000),
        Silence(ms) => (ms, 0),
    };
    (0..ms * 16).map(|n| if n % 40 < 20 { level } else { -level }).collect()
}

fn listener(after_last: AfterLast) -> Listener {
    // Each takes about a second to say.
    let lines = ["one two three four", "five six seven eig", "nine ten eleven tw"].map(String::from).to_vec();
    Listener::new(RATE, Script { lines, after_last, replies: Vec::new() })
}

fn said(listener: &Listener) -> String {
    listener.said().iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn check(sounds: &[Sound], expected: &str) {
    let mut listener = listener(AfterLast::Silence);
    for sound in sounds {
        listener.hear(&samples(sound));
    }
    assert_eq!(said(&listener), expected);
}

#[test]
fn a_line_is_heard_when_it_was_spoken() {
    check(&[Silence(500), Speech(1000), Silence(200)], "one two three four");
}

#[test]
fn silence_says_nothing_however_long() {
    check(&[Silence(20_000)], "");
}

#[test]
fn no_more_words_are_heard_than_were_spoken() {
    check(&[Speech(300)], "one");
    check(&[Speech(600)], "one two");
}

#[test]
fn a_cough_takes_no_line() {
    check(&[Speech(100), Silence(1000), Speech(1000), Silence(200)], "one two three four");
}

#[test]
fn a_pause_inside_a_line_does_not_begin_the_next() {
    check(&[Speech(400), Silence(600), Speech(600), Silence(200)], "one two three four");
    check(&[Speech(700), Silence(500), Speech(300), Silence(200)], "one two three four");
}

#[test]
fn the_next_utterance_is_the_next_line() {
    let two = "one two three four five six seven eig";
    check(&[Speech(1000), Silence(800), Speech(1000), Silence(200)], two);
    // The rest of a line that was broken off is not said by the next.
    check(&[Speech(400), Silence(2500), Speech(1000), Silence(200)], "one five six seven eig");
}

#[test]
fn after_the_last_line_there_is_silence_or_the_first_again() {
    for (after_last, expected) in [(AfterLast::Silence, ""), (AfterLast::Repeat, "one two three four")] {
        let mut listener = listener(after_last);
        for _ in 0..3 {
            listener.hear(&samples(&Speech(1000)));
            listener.hear(&samples(&Silence(900)));
        }
        listener.take(usize::MAX);
        listener.hear(&samples(&Speech(1000)));
        listener.hear(&samples(&Silence(200)));
        assert_eq!(said(&listener), expected, "{after_last:?}");
    }
}

#[test]
fn words_lie_in_the_speech_one_after_the_other() {
    let mut listener = listener(AfterLast::Silence);
    for sound in [Silence(500), Speech(1000), Silence(400)] {
        listener.hear(&samples(&sound));
    }
    let words = listener.said();
    assert!(words.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms), "{words:?}");
    assert!(words[0].start_ms >= 490 && words[3].end_ms <= 1510, "{words:?}");
    assert!((390..=410).contains(&listener.silence_ms()), "{}", listener.silence_ms());
}

#[test]
fn who_asks_in_a_silence_hears_the_end_of_a_whole_line() {
    let asked = |speech_ms, silence_ms| {
        let mut listener = listener(AfterLast::Silence);
        listener.hear(&samples(&Speech(speech_ms)));
        listener.hear(&samples(&Silence(silence_ms)));
        listener.ask();
        said(&listener)
    };
    assert_eq!(asked(950, 120), "one two three four");
    assert_eq!(asked(950, 20), "one two three");
    assert_eq!(asked(700, 120), "one two");
    assert_eq!(asked(300, 120), "one");
}

#[test]
fn a_comma_ends_no_line_and_a_fast_speaker_does() {
    check(&[Speech(700), Silence(230)], "one two");
    check(&[Speech(700), Silence(230), Speech(300), Silence(220)], "one two three four");
    check(&[Speech(700), Silence(300)], "one two three four");
}
