//! Telephone numbers and the other things callers are called by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::{Invalid, require};

/// A telephone number in E.164: `+`, then 7 to 15 digits, the first not 0 (ITU-T E.164, 6.2.1; the
/// lower bound is the shortest national numbers with a country code).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// Checks and wraps a number.
    ///
    /// # Errors
    /// When it is not `+` and 7 to 15 digits without a leading zero.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let digits = text.strip_prefix('+').unwrap_or_default();
        let shaped = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        require(shaped, "number", "must be E.164: + and 7 to 15 digits, as +15550100100")?;
        Ok(Self(text))
    }

    /// The number with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with all but its last two digits hidden, for logs.
    #[must_use]
    pub fn masked(&self) -> String {
        let shown = self.0.len().saturating_sub(2);
        format!("+{}{}", "*".repeat(shown.saturating_sub(1)), &self.0[shown..])
    }
}

impl TryFrom<String> for E164 {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl std::str::FromStr for E164 {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

/// Masked, so that a number does not slip into a log.
impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Who is calling, as far as the carrier tells. Only [`Caller::Number`] may become a customer's key
/// or be called back. `Debug` hides what identifies a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Caller {
    /// A telephone number.
    Number(E164),
    /// The caller, or the network, does not say.
    Withheld,
    /// A SIP address, with its scheme.
    Sip(String),
    /// A carrier's SDK client, without `client:`.
    Client(String),
    /// A short code of 3 to 6 digits.
    ShortCode(String),
    /// Anything else, shortened to 64 characters, control characters removed.
    Other(String),
}

/// What carriers put in place of a withheld number, and the keypad spellings of the same words
/// (carriers send `+266696687` for ANONYMOUS and so on).
const WITHHELD: [&str; 12] = [
    "",
    "anonymous",
    "unknown",
    "restricted",
    "private",
    "unavailable",
    "withheld",
    "266696687",
    "86282452253",
    "8656696",
    "2562533",
    "7378742833",
];

/// Longest text kept of a caller that is no number.
const MAX_CALLER: usize = 64;

impl Caller {
    /// Classifies a carrier's `From`. Never fails: what is not understood is [`Caller::Other`].
    #[must_use]
    pub fn parse(from: &str) -> Self {
        let text: String = from.trim().chars().filter(|c| !c.is_control()).collect();
        let lower = text.to_ascii_lowercase();
        if WITHHELD.contains(&lower.trim_start_matches('+')) {
            return Self::Withheld;
        }
        if let Ok(number) = E164::new(text.as_str()) {
            return Self::Number(number);
        }
        if lower.starts_with("sip:") || lower.starts_with("sips:") {
            return sip_caller(text);
        }
        if lower.starts_with("client:") {
            return Self::Client(shortened(&text["client:".len()..]));
        }
        if (3..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            return Self::ShortCode(text);
        }
        Self::Other(shortened(&text))
    }

    /// The number, when there is one.
    #[must_use]
    pub const fn number(&self) -> Option<&E164> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The kind's stable name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Withheld => "withheld",
            Self::Sip(_) => "sip",
            Self::Client(_) => "client",
            Self::ShortCode(_) => "short_code",
            Self::Other(_) => "other",
        }
    }

    /// What identifies the caller, for the record; `anonymous` when withheld. Not for logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Withheld => "anonymous",
            Self::Sip(text) | Self::Client(text) | Self::ShortCode(text) | Self::Other(text) => text,
        }
    }
}

/// A SIP address; one whose user part spells a withheld number is withheld.
fn sip_caller(address: String) -> Caller {
    let after_scheme = address.split_once(':').map_or("", |(_, rest)| rest);
    let user = after_scheme.split_once('@').map_or("", |(user, _)| user);
    if after_scheme.contains('@') && WITHHELD.contains(&user.to_ascii_lowercase().trim_start_matches('+')) {
        return Caller::Withheld;
    }
    Caller::Sip(shortened(&address))
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_CALLER).collect()
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "Number({number:?})"),
            other => f.write_str(other.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_apart() {
        let check = |from: &str, kind: &str| assert_eq!(Caller::parse(from).kind(), kind, "{from:?}");
        check("+15550100100", "number");
        for withheld in ["anonymous", "Anonymous", "Restricted", "", "unknown", "+266696687", "266696687"] {
            check(withheld, "withheld");
        }
        check("+86282452253", "withheld");
        check("sip:anonymous@anonymous.invalid", "withheld");
        check("client:alice", "client");
        check("sip:bob@x.sip.twilio.com", "sip");
        check("sip:+1555@1.2.3.4:5060;user=phone", "sip");
        check("12345", "short_code");
        check("+", "withheld");
        check("12345678901234567890", "other");
        check("+12345678901234567890", "other");
        check("Jürgen \u{202e}\u{0}", "other");
    }

    #[test]
    fn a_number_is_hidden_from_debug() {
        let caller = Caller::parse("+15550100123");
        assert_eq!(format!("{caller:?}"), "Number(+*********23)");
        assert_eq!(caller.as_str(), "+15550100123");
    }
}
