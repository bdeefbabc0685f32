//! `application/x-www-form-urlencoded` over bytes.
//!
//! A signature is computed over the decoded bytes, so nothing here goes through lossy text:
//! invalid UTF-8 stays as it came, and only [`Form::text`] makes it readable.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Most pairs a body may have (checklist case 6). A Twilio webhook has about 30.
pub const MAX_PAIRS: usize = 512;

/// Unreserved characters (RFC 3986): the ones every form decoder reads back unchanged.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a body is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More than [`MAX_PAIRS`] pairs.
    #[error("the form has more than {MAX_PAIRS} fields")]
    TooManyPairs,
}

/// A decoded form: pairs in submission order, pairs with an empty key left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Form {
    /// Decodes `body`. Invalid percent sequences stay literally, as browsers and Twilio's libraries do.
    ///
    /// # Errors
    /// [`FormError::TooManyPairs`] beyond [`MAX_PAIRS`].
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut pairs = Vec::new();
        for piece in body.split(|&byte| byte == b'&') {
            let (key, value) = split_once(piece);
            if key.is_empty() {
                continue;
            }
            if pairs.len() == MAX_PAIRS {
                return Err(FormError::TooManyPairs);
            }
            pairs.push((decode(key), decode(value)));
        }
        Ok(Self { pairs })
    }

    /// Pairs in submission order, decoded.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// First value of `key` as text: invalid UTF-8 becomes U+FFFD, an empty value counts as absent.
    pub fn text(&self, key: &str) -> Option<String> {
        let (_, value) = self.pairs.iter().find(|(name, _)| name == key.as_bytes())?;
        let text = String::from_utf8_lossy(value).into_owned();
        (!text.is_empty()).then_some(text)
    }

    /// First value of `key` as a number in the range of `u64`.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }
}

/// Encodes pairs the way a carrier's client does: `+` as `%2B`, space as `%20`, a repeated key repeated.
pub fn encode<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut out = String::new();
    for (key, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.extend(utf8_percent_encode(key.as_ref(), RESERVED));
        out.push('=');
        out.extend(utf8_percent_encode(value.as_ref(), RESERVED));
    }
    out
}

/// Percent-encodes one value for a URL's query or a SIP header value.
pub fn encode_value(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

fn split_once(piece: &[u8]) -> (&[u8], &[u8]) {
    match piece.iter().position(|&byte| byte == b'=') {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (piece, &[]),
    }
}

fn decode(raw: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: &[(&str, &str)]) {
        let form = Form::parse(body).unwrap();
        let pairs: Vec<_> =
            form.pairs().map(|(k, v)| (String::from_utf8_lossy(k), String::from_utf8_lossy(v))).collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn plus_is_a_space_and_percent_2b_is_a_plus() {
        check(b"From=+1555&To=%2B1555", &[("From", " 1555"), ("To", "+1555")]);
    }

    #[test]
    fn empty_keys_and_separators_are_ignored() {
        check(b"a=1&&&=x&", &[("a", "1")]);
    }

    #[test]
    fn invalid_percent_sequences_stay_literal() {
        check(b"a=%zz&b=%&c=%4", &[("a", "%zz"), ("b", "%"), ("c", "%4")]);
    }

    #[test]
    fn whitespace_in_values_survives() {
        check(b"CallerName=JOS%20%20&x", &[("CallerName", "JOS  "), ("x", "")]);
    }

    #[test]
    fn invalid_utf8_is_kept_as_bytes_and_lossy_as_text() {
        let form = Form::parse(b"n=%ff%fe").unwrap();
        assert_eq!(form.pairs().next(), Some((&b"n"[..], &b"\xff\xfe"[..])));
        assert_eq!(form.text("n").as_deref(), Some("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn ten_thousand_tiny_keys_are_refused() {
        let body = "a=1&".repeat(10_000);
        assert_eq!(Form::parse(body.as_bytes()), Err(FormError::TooManyPairs));
        assert!(Form::parse("a=1&".repeat(MAX_PAIRS).as_bytes()).is_ok());
    }

    #[test]
    fn encoding_repeats_a_repeated_key() {
        let body = encode([("E", "ringing"), ("E", "answered"), ("To", "+1 5")]);
        assert_eq!(body, "E=ringing&E=answered&To=%2B1%205");
    }
}
