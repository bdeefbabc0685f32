//! Takes the words out of a text and leaves what decides a conversation.

use std::collections::{BTreeMap, BTreeSet};

use dialogue::{Config, WordClass, is_vowel, word_class};
use serde_json::Value;

/// Replaces words by made-up ones, the same word always by the same.
///
/// Letters and punctuation keep their number and place, vowels stay vowels: syllables, and with them the words
/// heard, are the same. Kept as they are: words that the configuration names as backchannels, and words that
/// end no sentence ("and", "my"); they tell nothing about a person. Digits become `0`, number words `zero`.
#[derive(Debug)]
pub(crate) struct Masker {
    backchannels: BTreeSet<String>,
    made_up: BTreeMap<String, String>,
    taken: BTreeMap<String, usize>,
}

/// Consonants of made-up words: without those of "hmm", "mhm" and the like.
const CONSONANTS: [char; 17] =
    ['x', 'b', 'd', 'f', 'g', 'j', 'k', 'l', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'z'];

impl Masker {
    /// One for calls of this configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let phrases = &config.turns.interruption.backchannel;
        let backchannels =
            phrases.iter().flat_map(|p| runs(p)).filter(|run| is_word(run)).map(str::to_lowercase).collect();
        Self { backchannels, made_up: BTreeMap::new(), taken: BTreeMap::new() }
    }

    /// The text without its words.
    pub(crate) fn text(&mut self, text: &str) -> String {
        runs(text).map(|run| if is_word(run) { self.word(run) } else { run.to_owned() }).collect()
    }

    /// JSON with every string in it masked.
    pub(crate) fn json(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.json(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn word(&mut self, word: &str) -> String {
        let lower = word.trim_matches('\'').to_lowercase();
        if self.backchannels.contains(&lower) {
            return word.to_owned();
        }
        match word_class(&lower) {
            WordClass::Open => word.to_owned(),
            WordClass::Number if lower.bytes().all(|b| b.is_ascii_digit()) => "0".repeat(lower.len()),
            WordClass::Number => "zero".to_owned(),
            WordClass::Other => {
                if !self.made_up.contains_key(&lower) {
                    let made = self.make_up(word);
                    self.made_up.insert(lower.clone(), made);
                }
                self.made_up[&lower].clone()
            }
        }
    }

    /// The next word of this shape that means nothing.
    fn make_up(&mut self, word: &str) -> String {
        let shape: String = word.to_lowercase().chars().map(shape_of).collect();
        let next = self.taken.entry(shape.clone()).or_default();
        for _ in 0..=self.backchannels.len() {
            let made = spell(&shape, *next);
            *next += 1;
            if !self.backchannels.contains(&made) && word_class(&made) == WordClass::Other {
                return made;
            }
        }
        // A shape without a consonant to spare.
        "x".repeat(shape.chars().count())
    }
}

/// A letter by what it does for syllables: a final `e` is silent, other vowels are alike.
fn shape_of(letter: char) -> char {
    match letter {
        'e' | '\'' => letter,
        letter if letter.is_ascii_digit() => '0',
        letter if is_vowel(letter) => 'o',
        _ => 'x',
    }
}

/// The word of a shape with this number, written in its consonants.
fn spell(shape: &str, mut number: usize) -> String {
    let letter = |c: char| {
        if c != 'x' {
            return c;
        }
        let consonant = CONSONANTS[number % CONSONANTS.len()];
        number /= CONSONANTS.len();
        consonant
    };
    shape.chars().map(letter).collect()
}

/// Words, and what stands between them.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| belongs(c) != belongs(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

fn belongs(c: char) -> bool {
    c.is_alphanumeric() || c == '\''
}

fn is_word(run: &str) -> bool {
    run.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_and_what_decides_stays() {
        let mut masker = Masker::new(&Config::default());
        let mut check = |text: &str, expected: &str| assert_eq!(masker.text(text), expected, "{text}");
        check("Uh-huh, yes.", "Uh-huh, yes.");
        check("My name is Anna and", "My xoxe is oxxo and");
        check("Anna and Otto", "oxxo and obxo");
        check("It's 0171 five seven, Bert2!", "It's 0000 zero zero, xexx0!");
        check("… – \u{1f642}", "… – \u{1f642}");
        check("", "");
    }

    #[test]
    fn made_up_words_are_told_apart_and_mean_nothing() {
        let mut masker = Masker::new(&Config::default());
        let words: BTreeSet<String> = (0..2000).map(|i| spell("qwxxz", i)).collect();
        let masked: BTreeSet<String> = words.iter().map(|word| masker.text(word)).collect();
        assert_eq!(masked.len(), words.len());
        assert!(masked.iter().all(|word| word_class(word) == WordClass::Other && word.len() == 5));
    }
}
