//! From the vendor's characters to words with times.

use dialogue::WordTime;
use speech::SpokenChar;

/// Joins characters to words; the last word waits for its end.
#[derive(Debug, Default)]
pub(super) struct Words {
    open: Option<WordTime>,
}

impl Words {
    /// Words completed by these characters.
    pub(super) fn push(&mut self, chars: &[SpokenChar]) -> Vec<WordTime> {
        let mut done = Vec::new();
        for char in chars {
            if char.text.trim().is_empty() {
                done.extend(self.open.take());
                continue;
            }
            let end_ms = char.start_ms + char.duration_ms;
            match &mut self.open {
                Some(word) => {
                    word.text.push_str(&char.text);
                    word.end_ms = end_ms;
                }
                None => {
                    self.open = Some(WordTime { text: char.text.clone(), start_ms: char.start_ms, end_ms });
                }
            }
        }
        done
    }

    /// The last word.
    pub(super) fn finish(&mut self) -> Option<WordTime> {
        self.open.take()
    }
}

#[cfg(test)]
mod tests {
    use speech::SpokenChar;

    use super::Words;

    #[test]
    fn words_may_be_cut_anywhere() {
        let chars = |text: &str, start: u64| -> Vec<SpokenChar> {
            let at = |i: usize| start + 10 * i as u64;
            let char =
                |(i, c): (usize, char)| SpokenChar { text: c.into(), start_ms: at(i), duration_ms: 10 };
            text.chars().enumerate().map(char).collect()
        };
        let mut words = Words::default();
        assert!(words.push(&chars("He", 0)).is_empty());
        let done = words.push(&chars("y, you ", 20));
        let said: Vec<_> = done.iter().map(|w| (w.text.as_str(), w.start_ms, w.end_ms)).collect();
        assert_eq!(said, [("Hey,", 0, 40), ("you", 50, 80)]);
        assert_eq!(words.finish(), None);
    }
}
