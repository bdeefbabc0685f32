//! What an agent is: its words, voice, tools, vendors and limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{AgentId, UserId, VoiceId};
use crate::invalid::{Config, Invalid, require};
use crate::phone::E164;
use crate::turn_settings::TurnSettings;
use crate::vendor_options::{self, Known};
use crate::voice::Voice;

/// The configuration of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Our name for it.
    pub id: AgentId,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Template (minijinja) of the system prompt.
    pub prompt: String,
    /// Template (minijinja) of the first words. Empty: the caller speaks first.
    pub greeting: String,
    /// The caller may interrupt the greeting.
    #[serde(default = "yes")]
    pub greeting_interruptible: bool,
    /// BCP 47 tag of the language spoken, as `en-US`.
    #[serde(default = "english")]
    pub language: String,
    /// IANA time zone of the place it speaks for, as `Europe/Berlin`: the templates' `time` is local there.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// The voice it speaks with.
    pub voice: VoiceId,
    /// What it can do besides talking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Numbers and addresses it may put a caller through to, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transfer_targets: BTreeMap<String, E164>,
    /// Values the templates can use besides those of the call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Bounds of a call.
    #[serde(default)]
    pub limits: AgentLimits,
    /// Turn taking.
    #[serde(default)]
    pub turns: TurnSettings,
    /// Who recognises, thinks and speaks.
    pub vendors: Vendors,
    /// Said before the call is ended by an error of ours.
    #[serde(default = "apology")]
    pub apology: String,
    /// The version this value was read as; the store counts it up and refuses a stale one. 0: new.
    #[serde(default)]
    pub version: u64,
}

/// A function the language model may call, served over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The model's name for it: letters, digits, `-` and `_`, at most 64.
    pub name: String,
    /// When and how to use it, for the model.
    pub description: String,
    /// JSON schema of its arguments: an object.
    pub parameters: Value,
    /// Where it is posted to. `https`, or `http` on a loopback address.
    pub url: String,
    /// Whether it changes something.
    pub class: ToolClass,
    /// Milliseconds until it counts as failed, 100 to 60 000. Default 10 000.
    #[serde(default = "tool_timeout_ms")]
    pub timeout_ms: u32,
}

/// Whether a tool changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    /// It only looks: may be repeated, and dropped when the caller interrupts.
    Read,
    /// It acts: runs once, and to its end.
    Write,
}

/// Bounds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentLimits {
    /// Longest call, 10 to 14 400 s. Default 1800.
    pub max_duration_s: u32,
    /// Most replies in one call, 1 to 10 000. Default 500.
    pub max_turns: u32,
    /// Most tokens of one reply, 1 to 8192. Default 500.
    pub max_reply_tokens: u32,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self { max_duration_s: 1800, max_turns: 500, max_reply_tokens: 500 }
    }
}

/// What can turn speech into text; `speech` speaks these protocols. `-` may stand for `_`.
pub const STT_VENDORS: [&str; 5] = ["deepgram", "deepgram_flux", "assemblyai", "openai", "groq"];
/// Whose language models can be asked. `openai` is every endpoint with its chat completions, too.
pub const LLM_VENDORS: [&str; 3] = ["openai", "anthropic", "groq"];
/// What can turn text into speech.
pub const TTS_VENDORS: [&str; 4] = ["elevenlabs", "deepgram", "openai", "groq"];
/// What can hear and speak by itself.
pub const S2S_VENDORS: [&str; 1] = ["openai"];

/// Vendors by kind, the first asked first, the others when it fails. With `s2s` the other three may
/// be empty; without it each must name at least one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vendors {
    /// Speech to text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stt: Vec<VendorChoice>,
    /// Language model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub llm: Vec<VendorChoice>,
    /// Text to speech.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tts: Vec<VendorChoice>,
    /// Speech to speech, in place of the three.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub s2s: Vec<VendorChoice>,
}

/// One vendor, its model, its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorChoice {
    /// One of [`STT_VENDORS`], [`LLM_VENDORS`], [`TTS_VENDORS`] or [`S2S_VENDORS`].
    pub vendor: String,
    /// The vendor's name of the model.
    pub model: String,
    /// Further settings: those that mean something to us (`base_url`, `endpointing_ms`, `temperature`, `voice` and so on) are
    /// checked when they are written, the others go to the vendor in its own words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
}

const fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".to_owned()
}

fn english() -> String {
    "en-US".to_owned()
}

const fn tool_timeout_ms() -> u32 {
    10_000
}

fn apology() -> String {
    "I am sorry, something went wrong on our side. Please call again in a moment. Goodbye.".to_owned()
}

/// Longest prompt template, in bytes. The item in the table must stay below DynamoDB's 400 KB.
const MAX_PROMPT: usize = 100_000;
/// Most tools of an agent: more than any model tells apart.
const MAX_TOOLS: usize = 64;

impl Config for AgentConfig {
    fn validate(&self) -> Result<(), Invalid> {
        require(!self.prompt.trim().is_empty(), "prompt", "must not be empty")?;
        require(self.prompt.len() <= MAX_PROMPT, "prompt", "must have at most 100 000 bytes")?;
        require(self.greeting.len() <= 2000, "greeting", "must have at most 2000 bytes")?;
        let tag = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let tagged = (2..=35).contains(&self.language.len()) && self.language.bytes().all(tag);
        require(tagged, "language", "must be a BCP 47 tag, as en-US")?;
        // Whether there is such a zone is known to whoever has the list.
        let zone = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
        let zoned = (1..=64).contains(&self.time_zone.len()) && self.time_zone.bytes().all(zone);
        require(zoned, "time_zone", "must be an IANA time zone, as Europe/Berlin")?;
        require(self.tools.len() <= MAX_TOOLS, "tools", "must be at most 64")?;
        for (i, tool) in self.tools.iter().enumerate() {
            tool.validate().map_err(|invalid| invalid.within(&format!("tools[{i}]")))?;
            let again = self.tools[..i].iter().any(|earlier| earlier.name == tool.name);
            require(!again, &format!("tools[{i}].name"), "is used twice")?;
        }
        self.limits.validate().map_err(|invalid| invalid.within("limits"))?;
        self.turns.validate().map_err(|invalid| invalid.within("turns"))?;
        self.vendors.validate().map_err(|invalid| invalid.within("vendors"))
    }
}

impl AgentConfig {
    /// Has every vendor of `vendors.tts` something to speak with: the agent's `voice` where it is the vendor's, else its own
    /// `options.voice`? Deepgram's models are voices.
    ///
    /// # Errors
    /// The first that has not.
    pub fn can_speak_with(&self, voice: &Voice) -> Result<(), Invalid> {
        let vendor = |choice: &VendorChoice| choice.vendor.replace('-', "_");
        let mute = |choice: &&VendorChoice| {
            vendor(choice) != voice.vendor
                && vendor(choice) != "deepgram"
                && !choice.options.contains_key("voice")
        };
        let Some(at) = self.vendors.tts.iter().position(|choice| mute(&choice)) else { return Ok(()) };
        let why = format!("is needed: the voice {} is one of {}", voice.id, voice.vendor);
        Err(Invalid::new(format!("vendors.tts[{at}].options.voice"), why))
    }
}

impl Tool {
    fn validate(&self) -> Result<(), Invalid> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let named = (1..=64).contains(&self.name.len()) && self.name.bytes().all(plain);
        require(named, "name", "must be 1 to 64 letters, digits, - or _")?;
        require(!self.description.trim().is_empty(), "description", "must not be empty")?;
        let object = self.parameters.get("type").and_then(Value::as_str) == Some("object");
        require(object, "parameters", "must be a JSON schema with \"type\": \"object\"")?;
        require(is_safe_url(&self.url), "url", "must be https, or http on a loopback address")?;
        require((100..=60_000).contains(&self.timeout_ms), "timeout_ms", "must be 100 to 60000")
    }
}

/// `https` with a host, or `http` to this machine.
fn is_safe_url(url: &str) -> bool {
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return false;
    }
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    if let Some(rest) = url.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = host(rest);
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority.as_str(),
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

impl AgentLimits {
    fn validate(&self) -> Result<(), Invalid> {
        let within = |field, value: u32, from: u32, to: u32| {
            require((from..=to).contains(&value), field, &format!("must be {from} to {to}"))
        };
        within("max_duration_s", self.max_duration_s, 10, 14_400)?;
        within("max_turns", self.max_turns, 1, 10_000)?;
        within("max_reply_tokens", self.max_reply_tokens, 1, 8192)
    }
}

impl Vendors {
    fn validate(&self) -> Result<(), Invalid> {
        let kinds = [
            ("stt", &self.stt, &STT_VENDORS[..], vendor_options::STT),
            ("llm", &self.llm, &LLM_VENDORS, vendor_options::LLM),
            ("tts", &self.tts, &TTS_VENDORS, vendor_options::TTS),
            ("s2s", &self.s2s, &S2S_VENDORS, vendor_options::S2S),
        ];
        for (kind, choices, known, options) in kinds {
            let enough = !self.s2s.is_empty() || !choices.is_empty() || kind == "s2s";
            require(enough, kind, "must name at least one vendor unless s2s does")?;
            for (i, choice) in choices.iter().enumerate() {
                choice.validate(known, options).map_err(|invalid| invalid.within(&format!("{kind}[{i}]")))?;
            }
        }
        Ok(())
    }
}

impl VendorChoice {
    fn validate(&self, known: &[&str], options: Known) -> Result<(), Invalid> {
        let name = self.vendor.replace('-', "_");
        require(known.contains(&name.as_str()), "vendor", &format!("must be one of {}", known.join(", ")))?;
        require(!self.model.trim().is_empty(), "model", "must not be empty")?;
        vendor_options::check(options, &self.options).map_err(|invalid| invalid.within("options"))
    }
}

#[cfg(test)]
mod tests {
    use super::is_safe_url;

    #[test]
    fn tools_are_reached_safely() {
        for good in ["https://a.example/x", "http://127.0.0.1:80/x", "http://localhost", "http://[::1]:9/"] {
            assert!(is_safe_url(good), "{good}");
        }
        for bad in
            ["", "https://", "http://a.example/", "http://127.0.0.1@evil.example/", "ftp://a", "https:// a"]
        {
            assert!(!is_safe_url(bad), "{bad}");
        }
    }
}
