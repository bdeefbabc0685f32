//! What the carrier sends. Numbers come as strings or as numbers; what is unknown is passed over.

use serde::{Deserialize, Deserializer};

use crate::session::Parameters;

/// One message.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Message {
    Connected,
    Start {
        start: Start,
    },
    Media {
        media: Media,
    },
    Dtmf {
        dtmf: Dtmf,
    },
    Mark {
        mark: Mark,
    },
    Stop,
    #[serde(other)]
    Unknown,
}

/// The stream's own account of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The account it belongs to.
    #[serde(default)]
    pub account_sid: String,
    /// The stream.
    pub stream_sid: String,
    /// The call.
    pub call_sid: String,
    /// How audio is written.
    pub media_format: MediaFormat,
    /// What the TwiML said.
    #[serde(default)]
    pub custom_parameters: Parameters,
}

/// How audio is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFormat {
    /// MIME type.
    pub encoding: String,
    /// Hz.
    #[serde(deserialize_with = "number")]
    pub sample_rate: u32,
    /// 1 is all we take.
    #[serde(deserialize_with = "number")]
    pub channels: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Media {
    #[serde(default)]
    pub(crate) track: String,
    pub(crate) payload: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dtmf {
    pub(crate) digit: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Mark {
    pub(crate) name: String,
}

/// A number, or a string of one.
fn number<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(value)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}
