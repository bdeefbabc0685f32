//! Words as the rules count and compare them.

/// Lower case, letters, digits and apostrophes only, single spaces: what two transcripts are compared by.
pub(crate) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in words(text) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

/// The words of a text, in lower case and without punctuation.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .map(|w| w.trim_matches('\'').to_lowercase())
        .filter(|w| !w.is_empty())
        .collect()
}

/// How many words a text has.
pub(crate) fn count(text: &str) -> u32 {
    u32::try_from(words(text).len()).unwrap_or(u32::MAX)
}

/// Does `text` consist of nothing but phrases of `list`?
pub(crate) fn only_of(text: &str, list: &[String]) -> bool {
    let text = words(text);
    let phrases: Vec<Vec<String>> = list.iter().map(|p| words(p)).filter(|p| !p.is_empty()).collect();
    let mut rest = text.as_slice();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let longest = phrases.iter().filter(|p| rest.starts_with(p)).map(Vec::len).max();
        let Some(len) = longest else { return false };
        rest = &rest[len..];
    }
    true
}

/// Do at least `min` words of `heard`, and all of them, stand in a row in `said`?
pub(crate) fn is_echo(heard: &str, said: &str, min: u32) -> bool {
    let (heard, said) = (words(heard), words(said));
    min > 0 && heard.len() >= min as usize && said.windows(heard.len()).any(|w| w == heard.as_slice())
}

/// Syllables of one word, as groups of vowels; at least one for anything that is spoken. Digits are spoken
/// one by one.
pub(crate) fn syllables(word: &str) -> u32 {
    let mut groups = 0;
    let mut in_vowel = false;
    let mut last_group_is_final_e = false;
    let mut spoken = false;
    for c in word.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_digit() {
            groups += 1;
            in_vowel = false;
            spoken = true;
            continue;
        }
        let vowel = is_vowel(c);
        if vowel && !in_vowel {
            groups += 1;
        }
        if c.is_alphabetic() {
            spoken = true;
            last_group_is_final_e = vowel && !in_vowel && c == 'e';
            in_vowel = vowel;
        }
    }
    if last_group_is_final_e && groups > 1 {
        groups -= 1;
    }
    if spoken { groups.max(1) } else { 0 }
}

/// Is this letter, in lower case, part of a group of vowels that makes a syllable?
#[must_use]
pub fn is_vowel(c: char) -> bool {
    "aeiouyäöüáéíóúàèìòùâêîôûåæøœ".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_compare_without_case_and_punctuation() {
        assert_eq!(normalise("Hello, how ARE you?"), "hello how are you");
        assert_eq!(normalise("'I'm' fine -- really"), "i'm fine really");
    }

    #[test]
    fn backchannels_may_follow_each_other() {
        let list = ["uh-huh", "okay", "i see"].map(str::to_owned);
        assert!(only_of("Uh huh. Okay, I see!", &list));
        assert!(!only_of("Okay, stop.", &list));
        assert!(!only_of("", &list));
    }

    #[test]
    fn echo_is_a_run_of_our_own_words() {
        assert!(is_echo("a time there was", "Once upon a time there was a story", 3));
        assert!(!is_echo("a time", "Once upon a time there was a story", 3));
        assert!(!is_echo("a time there is", "Once upon a time there was a story", 3));
    }

    #[test]
    fn syllables_are_groups_of_vowels() {
        let check = |word, n| assert_eq!(syllables(word), n, "{word}");
        check("Once", 1);
        check("upon", 2);
        check("story.", 2);
        check("the", 1);
        check("2026", 4);
        check("—", 0);
        check("hmm", 1);
    }
}
