//! Cuts the model's token stream into pieces for synthesis: sentence by sentence, the first one early,
//! without markup, emoji and control characters.

use crate::TextConfig;

/// One answer's text on its way to the voice.
#[derive(Debug, Default)]
pub(crate) struct Chunker {
    clean: Cleaner,
    pending: String,
    any: bool,
}

impl Chunker {
    /// Takes more text, returns the pieces that are complete.
    pub(crate) fn push(&mut self, delta: &str, config: &TextConfig) -> Vec<String> {
        self.clean.push(delta, &mut self.pending);
        let mut pieces = Vec::new();
        while let Some(at) = self.cut(config) {
            let rest = self.pending.split_off(at);
            let piece = std::mem::replace(&mut self.pending, rest);
            self.take(piece, &mut pieces);
        }
        pieces
    }

    /// The answer is complete: the rest, if any.
    pub(crate) fn finish(&mut self, config: &TextConfig) -> Vec<String> {
        self.clean.finish(&mut self.pending);
        self.pending.push('\n');
        let mut pieces = self.push("", config);
        let rest = std::mem::take(&mut self.pending);
        self.take(rest, &mut pieces);
        pieces
    }

    fn take(&mut self, piece: String, pieces: &mut Vec<String>) {
        let piece = piece.split_whitespace().collect::<Vec<_>>().join(" ");
        if piece.chars().any(char::is_alphanumeric) {
            self.any = true;
            pieces.push(piece);
        }
    }

    /// Where the first piece ends, once the text after it has begun.
    fn cut(&self, config: &TextConfig) -> Option<usize> {
        let mut words = 0;
        let mut chars = 0;
        let mut last_space = None;
        let mut iter = self.pending.char_indices().peekable();
        while let Some((at, c)) = iter.next() {
            let end = at + c.len_utf8();
            let &(_, next) = iter.peek()?;
            chars += 1;
            if c.is_whitespace() {
                last_space = Some(end);
                continue;
            }
            if next.is_whitespace() {
                words += 1;
                let more = self.pending[end..].chars().any(|c| !c.is_whitespace());
                if more && self.ends_piece(c, at, words, chars, config) {
                    return Some(end);
                }
            }
            if is_cjk_stop(c) && chars >= config.min_sentence_chars.min(8) {
                return Some(end);
            }
            if chars >= config.max_chunk_chars {
                return Some(last_space.unwrap_or(end));
            }
        }
        None
    }

    fn ends_piece(&self, c: char, at: usize, words: usize, chars: usize, config: &TextConfig) -> bool {
        let clause = matches!(c, ',' | ';' | ':' | '–' | '—');
        if !self.any && clause && config.first_clause_words > 0 && words >= config.first_clause_words {
            return true;
        }
        let stop = matches!(c, '.' | '!' | '?' | '…' | '"' | '”' | ')')
            && self.pending[..=at].trim_end_matches(['"', '”', ')']).ends_with(['.', '!', '?', '…']);
        stop && chars >= config.min_sentence_chars && !is_abbreviation(&self.pending[..at])
    }
}

fn is_cjk_stop(c: char) -> bool {
    matches!(c, '。' | '！' | '？')
}

/// "Dr." and "3." do not end a sentence. `before` is the text up to the full stop.
fn is_abbreviation(before: &str) -> bool {
    const SHORT: [&str; 14] =
        ["mr", "mrs", "ms", "dr", "prof", "st", "no", "vs", "approx", "nr", "str", "bzw", "e.g", "i.e"];
    let word = before.rsplit(char::is_whitespace).next().unwrap_or("").to_lowercase();
    SHORT.contains(&word.as_str())
        || word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i"
}

/// Removes what must not be read aloud, across the borders of tokens.
#[derive(Debug, Default)]
struct Cleaner {
    held: String,
    line_start: bool,
    started: bool,
}

impl Cleaner {
    fn push(&mut self, delta: &str, out: &mut String) {
        self.held.push_str(delta);
        // A link or code mark may be cut in two: hold back from the last opening bracket of an open link.
        let hold =
            self.held.rfind('[').filter(|&at| link(&self.held[at..]).is_none() && self.held.len() - at < 500);
        let rest = hold.map(|at| self.held.split_off(at)).unwrap_or_default();
        let ready = std::mem::replace(&mut self.held, rest);
        self.emit(&ready, out);
    }

    fn finish(&mut self, out: &mut String) {
        let ready = std::mem::take(&mut self.held);
        self.emit(&ready, out);
    }

    fn emit(&mut self, text: &str, out: &mut String) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let at_start = self.line_start || !self.started;
            if c == '['
                && let Some((label, len)) = link(rest)
            {
                out.push_str(label);
                rest = &rest[len..];
                continue;
            }
            rest = &rest[c.len_utf8()..];
            self.one(c, at_start, out);
        }
    }

    fn one(&mut self, c: char, at_start: bool, out: &mut String) {
        self.started = true;
        match c {
            '\n' => {
                self.line_start = true;
                out.push('\n');
            }
            '*' | '`' | '~' | '|' | '\u{200d}' | '\u{fe0f}' | '\u{feff}' => {}
            '#' | '>' | '-' | '•' if at_start => {}
            '_' => out.push(' '),
            c if is_emoji(c) || c.is_control() && c != '\t' => {}
            c if c.is_whitespace() => out.push(' '),
            c => {
                self.line_start = false;
                out.push(c);
            }
        }
    }
}

/// `[label](target)` at the start of `text`: the label, and the length of all of it.
fn link(text: &str) -> Option<(&str, usize)> {
    let close = text.find(']')?;
    let after = &text[close + 1..];
    if after.is_empty() {
        return None;
    }
    let Some(target) = after.strip_prefix('(') else { return Some((&text[1..close], close + 1)) };
    let end = target.find(')')?;
    Some((&text[1..close], close + 1 + 1 + end + 1))
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xE0000..=0xE007F)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in tokens of `size` characters; `|` stands between pieces.
    fn pieces(text: &str, size: usize) -> String {
        let config = TextConfig::default();
        let mut chunker = Chunker::default();
        let chars: Vec<char> = text.chars().collect();
        let mut out = Vec::new();
        for token in chars.chunks(size) {
            out.extend(chunker.push(&token.iter().collect::<String>(), &config));
        }
        out.extend(chunker.finish(&config));
        out.join("|")
    }

    #[test]
    fn text_is_cut_at_sentences_and_cleaned() {
        let check = |text: &str, expected: &str| {
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(pieces(text, size), expected, "tokens of {size}");
            }
        };
        check("Sunny.", "Sunny.");
        check("", "");
        check("😀 \n", "");
        check(
            "The table is booked. See you on Friday at eight.",
            "The table is booked.|See you on Friday at eight.",
        );
        check("Yes. No. Maybe that is all right.", "Yes. No. Maybe that is all right.");
        check(
            "We could do that for you, but only on Monday.",
            "We could do that for you,|but only on Monday.",
        );
        check(
            "Dr. Smith will see you at 3.15 today. Is that fine?",
            "Dr. Smith will see you at 3.15 today.|Is that fine?",
        );
        check(
            "**Bold** and `code` and [our site](https://x.example/a) 🎉 done",
            "Bold and code and our site done",
        );
        check("# Title\n- one\n- two", "Title one two");
    }

    #[test]
    fn a_long_text_without_stops_is_cut_at_a_space() {
        let text = "word ".repeat(100);
        assert!(pieces(&text, 5).split('|').all(|p| p.chars().count() <= 300));
    }

    #[test]
    fn the_first_sentence_leaves_when_the_next_begins() {
        let config = TextConfig::default();
        let mut chunker = Chunker::default();
        assert!(chunker.push("The table is booked.", &config).is_empty());
        assert_eq!(chunker.push(" See", &config), ["The table is booked."]);
    }
}
