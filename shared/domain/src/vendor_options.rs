//! What the options of a vendor may be, for those that mean something to us. Every other option is passed on in the
//! vendor's own words, for the vendor to judge.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::invalid::{Invalid, require};

/// The value an option may have.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// A whole number.
    Whole(RangeInclusive<u64>),
    /// A number.
    Number(RangeInclusive<f64>),
    /// A text that is not empty.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of such texts.
    Texts,
    /// `true` or `false`.
    Switch,
    /// An `http`, `https`, `ws` or `wss` URL with a host.
    Url,
}

/// One kind of vendor's options that mean something to us.
pub(crate) type Known = &'static [(&'static str, Rule)];

/// Milliseconds a recogniser or a model may wait: the longest that a vendor takes (Deepgram Flux' `eot_timeout_ms`).
const WAIT_MS: Rule = Rule::Whole(0..=60_000);
/// A probability, or a voice's setting.
const SHARE: Rule = Rule::Number(0.0..=1.0);
/// Another address of the vendor's protocol.
const BASE_URL: (&str, Rule) = ("base_url", Rule::Url);

/// Of recognisers.
pub(crate) const STT: Known = &[
    BASE_URL,
    ("endpointing_ms", WAIT_MS),
    ("keyterms", Rule::Texts),
    ("end_of_turn_threshold", SHARE),
    ("eager_threshold", SHARE),
    ("end_of_turn_timeout_ms", WAIT_MS),
];
/// Of language models. The most tokens are those of an agent's limits.
pub(crate) const LLM: Known = &[
    BASE_URL,
    ("temperature", Rule::Number(0.0..=2.0)),
    ("max_tokens", Rule::Whole(1..=8192)),
    ("reasoning_effort", Rule::Text),
];
/// Of voices. The range of `speed` is OpenAI's; ElevenLabs' is a part of it.
pub(crate) const TTS: Known = &[
    BASE_URL,
    ("voice", Rule::Text),
    ("language", Rule::Text),
    ("stability", SHARE),
    ("similarity_boost", SHARE),
    ("style", SHARE),
    ("use_speaker_boost", Rule::Switch),
    ("speed", Rule::Number(0.25..=4.0)),
];
/// Of speech-to-speech models.
pub(crate) const S2S: Known = &[
    BASE_URL,
    ("voice", Rule::Text),
    ("transcription_model", Rule::Text),
    ("turn_detection", Rule::OneOf(&["server_vad", "semantic_vad"])),
    ("eagerness", Rule::OneOf(&["low", "medium", "high", "auto"])),
    ("threshold", SHARE),
    ("prefix_padding_ms", WAIT_MS),
    ("silence_ms", WAIT_MS),
];

/// Checks those of the options that mean something to us.
pub(crate) fn check(known: Known, options: &BTreeMap<String, Value>) -> Result<(), Invalid> {
    for (name, value) in options {
        if let Some((_, rule)) = known.iter().find(|(known, _)| known == name) {
            rule.check(value).map_err(|invalid| invalid.within(name))?;
        }
    }
    Ok(())
}

impl Rule {
    fn check(&self, value: &Value) -> Result<(), Invalid> {
        let good = match self {
            Self::Whole(range) => value.as_u64().is_some_and(|n| range.contains(&n)),
            Self::Number(range) => value.as_f64().is_some_and(|n| range.contains(&n)),
            Self::Text => is_text(value),
            Self::OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
            Self::Texts => value.as_array().is_some_and(|texts| texts.iter().all(is_text)),
            Self::Switch => value.is_boolean(),
            Self::Url => value.as_str().is_some_and(is_url),
        };
        require(good, "", &self.why())
    }

    fn why(&self) -> String {
        match self {
            Self::Whole(range) => format!("must be a whole number from {} to {}", range.start(), range.end()),
            Self::Number(range) => format!("must be a number from {} to {}", range.start(), range.end()),
            Self::Text => "must be a text".to_owned(),
            Self::OneOf(texts) => format!("must be one of {}", texts.join(", ")),
            Self::Texts => "must be a list of texts".to_owned(),
            Self::Switch => "must be true or false".to_owned(),
            Self::Url => "must be an http, https, ws or wss URL".to_owned(),
        }
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    matches!(scheme, "http" | "https" | "ws" | "wss")
        && !host.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic())
}
