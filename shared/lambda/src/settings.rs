//! The environment, read once into structs: every value checked, every error naming its variable and never
//! its content. An empty key is a start-up failure, never "skip the check".

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use carrier::{Renderer, TicketKey, Transport, sip_address};
use domain::Secret;
use livekit::Project;

use crate::api_token::ApiTokens;

/// Calls at once when `MAX_CALLS` says nothing.
const DEFAULT_MAX_CALLS: u32 = 150;

/// Why a function cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {why}")]
pub struct SettingsError {
    /// The variable.
    pub variable: String,
    /// What is wrong with it.
    pub why: String,
}

/// Variables, those of the secret over those of the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    variables: BTreeMap<String, String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// The carriers' keys.
#[derive(Clone, Default)]
pub struct Carriers {
    /// Twilio account that requests must name; any when empty.
    pub twilio_account: Option<String>,
    /// Twilio auth tokens, newest first.
    pub twilio_tokens: Vec<String>,
    /// Telnyx public key, base64.
    pub telnyx_public_key: Option<String>,
    /// SignalWire signing keys, newest first.
    pub signalwire_keys: Vec<String>,
}

impl fmt::Debug for Carriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carriers")
    }
}

/// Where carriers send the calls that LiveKit answers.
#[derive(Debug, Clone)]
pub struct SipRoad {
    /// Host, with a port if it has one.
    pub host: String,
    /// How carriers reach it.
    pub transport: Transport,
    /// Digest user of the trunk.
    pub username: String,
    /// Digest password of the trunk.
    pub password: Secret<String>,
}

impl Settings {
    /// The process's environment.
    pub fn from_env() -> Self {
        Self::new(std::env::vars())
    }

    /// From variables.
    pub fn new(variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: variables.collect() }
    }

    /// These variables with those of a JSON object laid over them.
    ///
    /// # Errors
    /// When `json` is no object of texts.
    pub fn overlaid(&self, json: &str) -> Result<Self, SettingsError> {
        let over: BTreeMap<String, String> = serde_json::from_str(json)
            .map_err(|_| error("SECRETS_ARN", "the secret must be a JSON object of texts"))?;
        let mut variables = self.variables.clone();
        variables.extend(over);
        Ok(Self { variables })
    }

    /// A variable that may be missing; an empty one counts as missing.
    pub fn optional(&self, variable: &str) -> Option<&str> {
        self.variables.get(variable).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that must be there.
    ///
    /// # Errors
    /// When it is missing or empty.
    pub fn required(&self, variable: &str) -> Result<&str, SettingsError> {
        self.optional(variable).ok_or_else(|| error(variable, "must be set and not empty"))
    }

    /// The DynamoDB table.
    ///
    /// # Errors
    /// When it is missing.
    pub fn table(&self) -> Result<String, SettingsError> {
        self.required("TABLE_NAME").map(str::to_owned)
    }

    /// The base of every URL carriers are given, without a trailing slash.
    ///
    /// # Errors
    /// When it is missing or no URL.
    pub fn public_base_url(&self) -> Result<String, SettingsError> {
        let url = self.required("PUBLIC_BASE_URL")?.trim_end_matches('/');
        if url.contains("://") { Ok(url.to_owned()) } else { Err(error("PUBLIC_BASE_URL", "must be a URL")) }
    }

    /// The LiveKit project.
    ///
    /// # Errors
    /// When a part is missing or the URL is none.
    pub fn livekit(&self) -> Result<Project, SettingsError> {
        let url = self.required("LIVEKIT_URL")?;
        if !["wss://", "ws://", "https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(error("LIVEKIT_URL", "must begin with wss://"));
        }
        Ok(Project {
            url: url.to_owned(),
            api_key: self.required("LIVEKIT_API_KEY")?.to_owned(),
            api_secret: Secret::new(self.required("LIVEKIT_API_SECRET")?.to_owned()),
        })
    }

    /// The key of URL and stream tickets.
    ///
    /// # Errors
    /// When the LiveKit secret it is derived from is missing.
    pub fn ticket_key(&self) -> Result<TicketKey, SettingsError> {
        Ok(TicketKey::derive(self.required("LIVEKIT_API_SECRET")?))
    }

    /// The SIP host and its trunk's credentials.
    ///
    /// # Errors
    /// When a part is missing, or the host leads to no LiveKit project.
    pub fn sip(&self) -> Result<SipRoad, SettingsError> {
        let host = self.required("SIP_HOST")?;
        sip_address::check_host(host).map_err(|why| error("SIP_HOST", &why.to_string()))?;
        let transport = match self.optional("SIP_TRANSPORT") {
            None => Transport::default(),
            Some(name) => {
                Transport::from_name(name).ok_or_else(|| error("SIP_TRANSPORT", "must be tcp, udp or tls"))?
            }
        };
        Ok(SipRoad {
            host: host.to_owned(),
            transport,
            username: self.required("SIP_USERNAME")?.to_owned(),
            password: Secret::new(self.required("SIP_PASSWORD")?.to_owned()),
        })
    }

    /// What turns plans into documents.
    ///
    /// # Errors
    /// When one of its parts is wrong.
    pub fn renderer(&self) -> Result<Renderer, SettingsError> {
        let sip = self.sip()?;
        Ok(Renderer {
            base_url: self.public_base_url()?,
            sip_host: sip.host,
            sip_transport: sip.transport,
            sip_credentials: (sip.username, sip.password),
            media_stream_url: self.media_stream_url()?,
            tickets: self.ticket_key()?,
        })
    }

    /// The carriers' keys.
    ///
    /// # Errors
    /// When there is none at all, or one of a list is empty.
    pub fn carriers(&self) -> Result<Carriers, SettingsError> {
        let carriers = Carriers {
            twilio_account: self.optional("TWILIO_ACCOUNT_SID").map(str::to_owned),
            twilio_tokens: self.keys("TWILIO_AUTH_TOKENS")?,
            telnyx_public_key: self.optional("TELNYX_PUBLIC_KEY").map(str::to_owned),
            signalwire_keys: self.keys("SIGNALWIRE_SIGNING_KEYS")?,
        };
        let none = carriers.twilio_tokens.is_empty()
            && carriers.signalwire_keys.is_empty()
            && carriers.telnyx_public_key.is_none();
        if none {
            return Err(error("TWILIO_AUTH_TOKENS", "no carrier's key is set"));
        }
        Ok(carriers)
    }

    /// Who may ask for tokens and control rooms.
    ///
    /// # Errors
    /// When nobody may, or an entry is wrong.
    pub fn api_tokens(&self) -> Result<ApiTokens, SettingsError> {
        ApiTokens::parse(self.required("API_TOKENS")?)
    }

    /// The agent's name at LiveKit.
    pub fn agent_name(&self) -> String {
        self.optional("AGENT_NAME").unwrap_or("ringdown").to_owned()
    }

    /// Where Media Streams connect.
    ///
    /// # Errors
    /// When it is no `wss` URL, or has a query, which carriers strip.
    pub fn media_stream_url(&self) -> Result<Option<String>, SettingsError> {
        match self.optional("MEDIA_STREAM_URL") {
            Some(url) if !url.starts_with("wss://") && !url.starts_with("ws://") || url.contains('?') => {
                Err(error("MEDIA_STREAM_URL", "must be a wss:// URL without a query"))
            }
            url => Ok(url.map(str::to_owned)),
        }
    }

    /// A deadline in milliseconds, such as `TABLE_DEADLINE_MS` or `LIVEKIT_DEADLINE_MS`; `default` when unset.
    ///
    /// # Errors
    /// When it is no number.
    pub fn deadline(&self, variable: &str, default: Duration) -> Result<Duration, SettingsError> {
        match self.optional(variable) {
            None => Ok(default),
            Some(text) => {
                text.parse().map(Duration::from_millis).map_err(|_| error(variable, "must be milliseconds"))
            }
        }
    }

    /// Calls at once, all numbers together.
    ///
    /// # Errors
    /// When it is no number.
    pub fn max_calls(&self) -> Result<u32, SettingsError> {
        match self.optional("MAX_CALLS") {
            None => Ok(DEFAULT_MAX_CALLS),
            Some(text) => text.parse().map_err(|_| error("MAX_CALLS", "must be a whole number")),
        }
    }

    /// A comma separated list of keys; unset is none, an empty entry is an error.
    fn keys(&self, variable: &str) -> Result<Vec<String>, SettingsError> {
        let Some(list) = self.variables.get(variable) else {
            return Ok(Vec::new());
        };
        let keys: Vec<String> = list.split(',').map(|key| key.trim().to_owned()).collect();
        if keys.iter().any(String::is_empty) {
            return Err(error(variable, "has an empty entry"));
        }
        Ok(keys)
    }
}

pub(crate) fn error(variable: &str, why: &str) -> SettingsError {
    SettingsError { variable: variable.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: fmt::Debug>(result: Result<T, SettingsError>, variable: &str) {
        assert_eq!(result.unwrap_err().variable, variable);
    }

    #[test]
    fn an_empty_key_is_a_start_up_failure() {
        for list in ["", "a,,b", "a,", " "] {
            check(Settings::new([("TWILIO_AUTH_TOKENS", list)]).carriers(), "TWILIO_AUTH_TOKENS");
        }
        check(Settings::default().carriers(), "TWILIO_AUTH_TOKENS");
        let both = Settings::new([("TWILIO_AUTH_TOKENS", "new, old")]).carriers().unwrap();
        assert_eq!(both.twilio_tokens, ["new", "old"]);
    }

    #[test]
    fn a_sip_host_that_reaches_no_project_is_a_start_up_failure() {
        check(Settings::new([("SIP_HOST", "sip.livekit.cloud")]).sip(), "SIP_HOST");
        check(Settings::new([("SIP_HOST", "x.pstn.twilio.com")]).sip(), "SIP_HOST");
        check(Settings::new([("SIP_HOST", "h"), ("SIP_TRANSPORT", "ws")]).sip(), "SIP_TRANSPORT");
        check(Settings::new([("SIP_HOST", "h")]).sip(), "SIP_USERNAME");
    }

    #[test]
    fn urls_and_numbers_are_checked() {
        check(Settings::new([("PUBLIC_BASE_URL", "example.com")]).public_base_url(), "PUBLIC_BASE_URL");
        check(Settings::new([("MEDIA_STREAM_URL", "wss://h/s?a=1")]).media_stream_url(), "MEDIA_STREAM_URL");
        check(Settings::new([("MAX_CALLS", "many")]).max_calls(), "MAX_CALLS");
        check(Settings::new([("LIVEKIT_URL", "h")]).livekit(), "LIVEKIT_URL");
        assert_eq!(Settings::default().max_calls(), Ok(DEFAULT_MAX_CALLS));
    }

    #[test]
    fn secrets_lie_over_the_environment_and_do_not_show() {
        let env = Settings::new([("LIVEKIT_API_SECRET", ""), ("TABLE_NAME", "t")]);
        let all = env.overlaid(r#"{"LIVEKIT_API_SECRET":"hush"}"#).unwrap();
        assert_eq!(all.required("LIVEKIT_API_SECRET"), Ok("hush"));
        assert_eq!(all.table().as_deref(), Ok("t"));
        assert!(!format!("{all:?}").contains("hush"));
        check(env.overlaid("not json"), "SECRETS_ARN");
    }
}
