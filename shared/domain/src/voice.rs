//! A voice an agent speaks with.

use serde::{Deserialize, Serialize};

use crate::agent::TTS_VENDORS;
use crate::id::{UserId, VoiceId};
use crate::invalid::{Config, Invalid, require};

/// A voice at a provider, with the settings it is spoken with. Settings left out are the provider's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// Our name for it.
    pub id: VoiceId,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Who owns it, for cloned voices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The vendor that speaks it: one of [`TTS_VENDORS`].
    pub vendor: String,
    /// The vendor's id of the voice.
    pub vendor_voice_id: String,
    /// The vendor's model; left out: the agent's `vendors.tts` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// 0 (lively) to 1 (even).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<f64>,
    /// 0 to 1: nearness to the original speaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f64>,
    /// 0 to 1: exaggeration of the speaker's style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<f64>,
    /// Nearer still to the speaker, at the price of latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_speaker_boost: Option<bool>,
    /// Rate of speech, 0.7 to 1.2, 1 being the voice's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// The version this value was read as; the store counts it up and refuses a stale one. 0: new.
    #[serde(default)]
    pub version: u64,
}

impl Config for Voice {
    fn validate(&self) -> Result<(), Invalid> {
        let spoken = TTS_VENDORS.contains(&self.vendor.as_str());
        require(spoken, "vendor", &format!("must be one of {}", TTS_VENDORS.join(", ")))?;
        // The id becomes part of a URL's path at the vendor.
        let id = &self.vendor_voice_id;
        require(!id.is_empty(), "vendor_voice_id", "must not be empty")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        require(id.bytes().all(plain), "vendor_voice_id", "may contain letters, digits, - _ and . only")?;
        let share = |field, value: Option<f64>| {
            require(value.is_none_or(|v| (0.0..=1.0).contains(&v)), field, "must be 0 to 1")
        };
        share("stability", self.stability)?;
        share("similarity_boost", self.similarity_boost)?;
        share("style", self.style)?;
        require(self.speed.is_none_or(|v| (0.7..=1.2).contains(&v)), "speed", "must be 0.7 to 1.2")
    }
}
