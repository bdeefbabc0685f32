//! Expectations of a script.

use crate::timeline::Event;
use crate::words;

/// Something that must, or must not, be in the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// An event with this text between two moments (ms).
    Expect(Window, String),
    /// No event with this text between two moments (ms).
    Refute(Window, String),
    /// Exactly so many events with this text.
    Count(usize, String),
    /// The final history in one line.
    History(String),
}

/// From and to, in ms; both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Earliest.
    pub from_ms: u64,
    /// Latest.
    pub to_ms: u64,
}

/// A time without a range means within one tick of the recorded timelines.
pub const TICK_MS: u64 = 50;

impl Expectation {
    pub(crate) fn parse(verb: &str, args: &[String]) -> Result<Self, String> {
        match verb {
            "count" => match args {
                [n, text] => Ok(Self::Count(words::number(n)?, text.clone())),
                _ => Err("count NUMBER EVENT".to_owned()),
            },
            "history" => Ok(Self::History(words::one(args)?.to_owned())),
            _ => {
                let (window, text) = match args {
                    [text] => (Window { from_ms: 0, to_ms: u64::MAX }, text),
                    [time, text] => (window(time)?, text),
                    _ => return Err(format!("{verb} [TIME | FROM-TO] EVENT (quote the event)")),
                };
                let text = text.clone();
                Ok(if verb == "expect" { Self::Expect(window, text) } else { Self::Refute(window, text) })
            }
        }
    }

    /// What is wrong, if anything.
    #[must_use]
    pub fn check(&self, events: &[Event], history: &str) -> Option<String> {
        let fits = |window: &Window, text: &str, e: &Event| {
            (window.from_ms..=window.to_ms).contains(&e.at.as_ms()) && glob(text, &e.text)
        };
        match self {
            Self::Expect(window, text) => {
                let found = events.iter().any(|e| fits(window, text, e));
                let others: Vec<String> =
                    events.iter().filter(|e| glob(text, &e.text)).map(|e| e.at.to_string()).collect();
                (!found).then(|| format!("expected `{text}` {window}; it is at [{}]", others.join(", ")))
            }
            Self::Refute(window, text) => {
                let found = events.iter().find(|e| fits(window, text, e))?;
                Some(format!("not expected `{text}` {window}: {found}"))
            }
            Self::Count(n, text) => {
                let found = events.iter().filter(|e| glob(text, &e.text)).count();
                (found != *n).then(|| format!("expected {n} × `{text}`, there are {found}"))
            }
            Self::History(expected) => (!glob(expected, history))
                .then(|| format!("expected history `{expected}`, it is `{history}`")),
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == (Self { from_ms: 0, to_ms: u64::MAX }) {
            return f.write_str("at any time");
        }
        let time = dialogue::CallTime::from_ms;
        write!(f, "from {} to {}", time(self.from_ms), time(self.to_ms.min(9_999_999)))
    }
}

fn window(text: &str) -> Result<Window, String> {
    match text.split_once('-') {
        Some((from, "")) => Ok(Window { from_ms: words::seconds(from)?, to_ms: u64::MAX }),
        Some((from, to)) => Ok(Window { from_ms: words::seconds(from)?, to_ms: words::seconds(to)? }),
        None => {
            let at = words::seconds(text)?;
            Ok(Window { from_ms: at.saturating_sub(TICK_MS), to_ms: at + TICK_MS })
        }
    }
}

/// Does `text` fit `pattern`, where `*` stands for anything?
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
