//! What happens to the calls of one of our numbers.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallId, UserId};
use crate::invalid::{Config, Invalid, require};
use crate::phone::E164;
use crate::road::Road;

/// The configuration of a number. Data, read at every call: a change takes effect on the next one.
///
/// Which road a call takes:
///
/// * `use_livekit: false` sends every call to `legacy_sip_uri`;
/// * else `roads` decides by percentage. The choice is a function of the call's id, so that a
///   repeated webhook gets the same answer;
/// * an empty `roads` means every call by SIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberConfig {
    /// The number.
    pub number: E164,
    /// The agent that answers it.
    pub agent: AgentId,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Our own agents answer. Off: the system in use before does, at `legacy_sip_uri`.
    #[serde(default = "yes")]
    pub use_livekit: bool,
    /// Shares of the calls by road; percentages that sum up to 100, or nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roads: Vec<RoadShare>,
    /// Where calls of the road `legacy` go: a `sip:` or `sips:` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy_sip_uri: Option<String>,
    /// How much this number takes.
    #[serde(default)]
    pub limits: NumberLimits,
    /// Said before a message is recorded.
    #[serde(default = "voicemail_greeting")]
    pub voicemail_greeting: String,
    /// Said when nobody is free.
    #[serde(default = "busy_text")]
    pub busy_text: String,
    /// The version this value was read as; the store counts it up and refuses a stale one. 0: new.
    #[serde(default)]
    pub version: u64,
}

/// A share of the calls that takes one road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoadShare {
    /// The road.
    pub road: Road,
    /// How many of a hundred calls take it, 1 to 100.
    pub percent: u8,
}

/// Limits of one number. Every one has a default that a small office does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberLimits {
    /// Calls from one caller in a minute, 1 to 1000. Default 10.
    pub per_caller_per_minute: u32,
    /// Calls from all callers in a minute, 1 to 100 000. Default 600.
    pub per_minute: u32,
    /// How long the agent's side may ring, 5 to 120 s: the range every carrier takes. Default 20.
    pub ring_timeout_s: u32,
    /// Longest call, 60 to 14 400 s: the range every carrier takes. Default 3600.
    pub max_duration_s: u32,
    /// Longest message, 5 to 600 s. Default 120.
    pub voicemail_max_s: u32,
}

impl Default for NumberLimits {
    fn default() -> Self {
        Self {
            per_caller_per_minute: 10,
            per_minute: 600,
            ring_timeout_s: 20,
            max_duration_s: 3600,
            voicemail_max_s: 120,
        }
    }
}

const fn yes() -> bool {
    true
}

fn voicemail_greeting() -> String {
    "We cannot take your call right now. Please leave a message after the tone.".to_owned()
}

fn busy_text() -> String {
    "All our lines are busy. Please call again in a few minutes. Goodbye.".to_owned()
}

/// Longest text said by the carrier's voice, in characters: half a minute of speech.
const MAX_SPOKEN: usize = 500;

impl NumberConfig {
    /// A number answered by `agent`, everything else at its default.
    #[must_use]
    pub fn new(number: E164, agent: AgentId) -> Self {
        Self {
            number,
            agent,
            user: None,
            use_livekit: true,
            roads: Vec::new(),
            legacy_sip_uri: None,
            limits: NumberLimits::default(),
            voicemail_greeting: voicemail_greeting(),
            busy_text: busy_text(),
            version: 0,
        }
    }

    /// The road of a call: the same one however often it is asked.
    #[must_use]
    pub fn road_for(&self, call: &CallId) -> Road {
        if !self.use_livekit {
            return Road::Legacy;
        }
        let mut ticket = u8::try_from(call.spread() % 100).unwrap_or(0);
        for share in &self.roads {
            if ticket < share.percent {
                return share.road;
            }
            ticket -= share.percent;
        }
        Road::Sip
    }
}

impl Config for NumberConfig {
    fn validate(&self) -> Result<(), Invalid> {
        let mut sum = 0_u32;
        for (i, share) in self.roads.iter().enumerate() {
            let field = format!("roads[{i}]");
            require((1..=100).contains(&share.percent), &format!("{field}.percent"), "must be 1 to 100")?;
            let again = self.roads[..i].iter().any(|earlier| earlier.road == share.road);
            require(!again, &format!("{field}.road"), "is listed twice")?;
            sum += u32::from(share.percent);
        }
        require(self.roads.is_empty() || sum == 100, "roads", "percentages must sum up to 100")?;
        self.validate_legacy()?;
        self.limits.validate().map_err(|invalid| invalid.within("limits"))?;
        spoken(&self.voicemail_greeting, "voicemail_greeting")?;
        spoken(&self.busy_text, "busy_text")
    }
}

impl NumberConfig {
    fn validate_legacy(&self) -> Result<(), Invalid> {
        let field = "legacy_sip_uri";
        let Some(uri) = &self.legacy_sip_uri else {
            let needed = !self.use_livekit || self.roads.iter().any(|share| share.road == Road::Legacy);
            return require(!needed, field, "is needed by use_livekit: false and by the road legacy");
        };
        let address = uri.strip_prefix("sips:").or_else(|| uri.strip_prefix("sip:"));
        require(address.is_some_and(|a| !a.is_empty()), field, "must begin with sip: or sips:")?;
        require(uri.len() < 255, field, "must have fewer than 255 characters")?;
        require(uri.bytes().all(|b| b.is_ascii_graphic()), field, "must be printable ASCII without spaces")
    }
}

impl NumberLimits {
    fn validate(&self) -> Result<(), Invalid> {
        let within = |field, value: u32, from: u32, to: u32| {
            require((from..=to).contains(&value), field, &format!("must be {from} to {to}"))
        };
        within("per_caller_per_minute", self.per_caller_per_minute, 1, 1000)?;
        within("per_minute", self.per_minute, 1, 100_000)?;
        within("ring_timeout_s", self.ring_timeout_s, 5, 120)?;
        within("max_duration_s", self.max_duration_s, 60, 14_400)?;
        within("voicemail_max_s", self.voicemail_max_s, 5, 600)
    }
}

fn spoken(text: &str, field: &str) -> Result<(), Invalid> {
    require(!text.trim().is_empty(), field, "must not be empty")?;
    require(text.chars().count() <= MAX_SPOKEN, field, "must have at most 500 characters")?;
    require(!text.chars().any(char::is_control), field, "must not contain control characters")
}
