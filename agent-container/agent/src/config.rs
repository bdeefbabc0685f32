//! The container's settings, from its environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::Secret;
use livekit::Project;
use speech::{Endpoint, Vendor};
use thiserror::Error;

use crate::call::setup::Endpoints;
use crate::media_stream::StreamSignature;

/// Calls one container serves at once when nobody says.
const DEFAULT_CALLS: usize = 150;
/// Where health is served when nobody says (livekit-agents' port).
const DEFAULT_HEALTH: &str = "0.0.0.0:8081";
/// How long calls may go on after SIGTERM: below the 120 s after which Fargate kills.
const DEFAULT_DRAIN_S: u64 = 110;

/// Share of a core the end-of-turn model may take when nobody says: two or three pauses a second, which is ten to
/// fifteen talking callers; the pauses of more are left to the text rules.
const DEFAULT_TURN_MODEL_PERCENT: u8 = 25;

/// A setting that is missing or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name}: {why}")]
pub struct ConfigError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// The container's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The LiveKit deployment.
    pub livekit: Project,
    /// Name under which calls are dispatched to us.
    pub agent_name: String,
    /// Whether calls may be announced ahead of their jobs; costs a standing participant without audio.
    pub lobby: bool,
    /// DynamoDB table.
    pub table: String,
    /// Calls served at once.
    pub max_calls: usize,
    /// Where health, metrics and Media Streams are served.
    pub health_addr: SocketAddr,
    /// Where journals go; nowhere when absent.
    pub journal_dir: Option<PathBuf>,
    /// Weights of the end-of-turn model; without them no agent has one.
    pub turn_model: Option<PathBuf>,
    /// How much of one core its evaluations may take together, 0 to 100 %.
    pub turn_model_percent: u8,
    /// How long calls may go on after SIGTERM.
    pub drain_within: Duration,
    /// Where vendors are, and the keys to them.
    pub endpoints: Endpoints,
    /// Collector of spans; none are made when absent.
    pub otlp_endpoint: Option<String>,
    /// How the carrier signs media streams; unchecked when its tokens are not set.
    pub stream_signature: Option<StreamSignature>,
}

impl Config {
    /// Reads the settings; `get` gives the value of a variable.
    ///
    /// # Errors
    /// The first variable that is missing or makes no sense.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let required = |name: &'static str| {
            get(name).filter(|v| !v.is_empty()).ok_or(ConfigError { name, why: "is not set".to_owned() })
        };
        Ok(Self {
            livekit: Project {
                url: required("LIVEKIT_URL")?,
                api_key: required("LIVEKIT_API_KEY")?,
                api_secret: Secret::new(required("LIVEKIT_API_SECRET")?),
            },
            agent_name: get("AGENT_NAME").filter(|n| !n.is_empty()).unwrap_or_else(|| "ringdown".to_owned()),
            lobby: switch(&get, "LOBBY")?,
            table: required("TABLE_NAME")?,
            max_calls: parsed(&get, "MAX_CALLS", DEFAULT_CALLS)?,
            health_addr: health_addr(&get)?,
            journal_dir: get("JOURNAL_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            turn_model: get("SMART_TURN_MODEL").filter(|path| !path.is_empty()).map(PathBuf::from),
            turn_model_percent: parsed(&get, "SMART_TURN_CORE_PERCENT", DEFAULT_TURN_MODEL_PERCENT)?.min(100),
            drain_within: Duration::from_secs(parsed(&get, "DRAIN_SECONDS", DEFAULT_DRAIN_S)?),
            endpoints: endpoints(&get),
            otlp_endpoint: get("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|url| !url.is_empty()),
            stream_signature: stream_signature(&get)?,
        })
    }
}

/// Where health is served, also for who only asks for it.
///
/// # Errors
/// `HEALTH_ADDR` is no `host:port`.
pub fn health_addr(get: &impl Fn(&str) -> Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = get("HEALTH_ADDR").filter(|v| !v.is_empty()).unwrap_or_else(|| DEFAULT_HEALTH.to_owned());
    text.parse().map_err(|_| ConfigError { name: "HEALTH_ADDR", why: format!("`{text}` is no host:port") })
}

fn parsed<T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: T,
) -> Result<T, ConfigError> {
    match get(name).filter(|v| !v.is_empty()) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| ConfigError { name, why: format!("`{text}` is no number") }),
    }
}

/// `TWILIO_AUTH_TOKENS` (comma separated, newest first) and the `MEDIA_STREAM_URL` that the carrier was given.
fn stream_signature(get: &impl Fn(&str) -> Option<String>) -> Result<Option<StreamSignature>, ConfigError> {
    let listed = get("TWILIO_AUTH_TOKENS").unwrap_or_default();
    let tokens: Vec<String> =
        listed.split(',').map(str::trim).filter(|token| !token.is_empty()).map(str::to_owned).collect();
    if tokens.is_empty() {
        return Ok(None);
    }
    let wrong = |why: &str| ConfigError { name: "MEDIA_STREAM_URL", why: why.to_owned() };
    match get("MEDIA_STREAM_URL").filter(|url| !url.is_empty()) {
        Some(url) if url.contains("://") => Ok(Some(StreamSignature { url, tokens: Secret::new(tokens) })),
        Some(_) => Err(wrong("is no URL")),
        None => Err(wrong("is not set, but TWILIO_AUTH_TOKENS is: the signed URL must be known")),
    }
}

/// `on` or `off`; on when nobody says.
fn switch(get: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<bool, ConfigError> {
    match get(name).as_deref() {
        None | Some("" | "on") => Ok(true),
        Some("off") => Ok(false),
        Some(text) => Err(ConfigError { name, why: format!("`{text}` is neither on nor off") }),
    }
}

/// `DEEPGRAM_API_KEY`, `DEEPGRAM_BASE_URL` and their like; the vendor's own address where none is given.
fn endpoints(get: &impl Fn(&str) -> Option<String>) -> Endpoints {
    let endpoint = |vendor: Vendor| {
        let prefix = vendor.name().to_uppercase();
        let key = get(&format!("{prefix}_API_KEY")).unwrap_or_default();
        let base_url = get(&format!("{prefix}_BASE_URL")).filter(|url| !url.is_empty());
        (vendor, Endpoint::new(base_url.unwrap_or_else(|| vendor.base_url().to_owned()), key))
    };
    Vendor::ALL.into_iter().map(endpoint).collect::<BTreeMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use speech::Vendor;

    use super::Config;

    fn read(changes: &[(&str, &str)]) -> Result<Config, super::ConfigError> {
        let base = [
            ("LIVEKIT_URL", "ws://127.0.0.1:7880"),
            ("LIVEKIT_API_KEY", "key"),
            ("LIVEKIT_API_SECRET", "secret"),
            ("TABLE_NAME", "ringdown"),
        ];
        let vars: std::collections::BTreeMap<_, _> = base.iter().chain(changes).copied().collect();
        Config::read(|name| vars.get(name).map(|&v| v.to_owned()))
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |name: &str, value: &str| assert_eq!(read(&[(name, value)]).unwrap_err().name, name);
        check("LIVEKIT_URL", "");
        check("TABLE_NAME", "");
        check("MAX_CALLS", "many");
        check("HEALTH_ADDR", "here");
        check("LOBBY", "maybe");
        let tokens = ("TWILIO_AUTH_TOKENS", "new, old");
        for url in ["", "here"] {
            assert_eq!(read(&[tokens, ("MEDIA_STREAM_URL", url)]).unwrap_err().name, "MEDIA_STREAM_URL");
        }
        let signed = read(&[tokens, ("MEDIA_STREAM_URL", "wss://h/s")]).unwrap().stream_signature.unwrap();
        assert_eq!(signed.tokens.reveal(), &["new", "old"]);
    }

    #[test]
    fn vendors_are_where_the_environment_says() {
        let config =
            read(&[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"), ("DEEPGRAM_API_KEY", "k")]).unwrap();
        assert_eq!(config.endpoints[&Vendor::OpenAi].base_url, "http://127.0.0.1:1/v1");
        assert_eq!(config.endpoints[&Vendor::Deepgram].base_url, Vendor::Deepgram.base_url());
        assert_eq!(config.endpoints[&Vendor::Deepgram].key.reveal(), "k");
        assert_eq!((config.max_calls, config.agent_name.as_str()), (150, "ringdown"));
    }
}
