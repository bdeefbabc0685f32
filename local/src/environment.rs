//! The environment of our own programs on the local stack.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::stack_file::StackFile;

/// Name of the agent at LiveKit.
pub const AGENT_NAME: &str = "ringdown";

/// Where the simulated vendors listen, as `simulator` prints it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Vendors {
    pub(crate) control: String,
    #[serde(flatten)]
    pub(crate) by_name: BTreeMap<String, String>,
}

type Environment = BTreeMap<String, String>;

fn environment<const N: usize>(pairs: [(&str, &str); N]) -> Environment {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn common(stack: &StackFile) -> Environment {
    environment([
        ("TABLE_NAME", &stack.table),
        ("AWS_ENDPOINT_URL_DYNAMODB", &stack.dynamodb_url),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("LIVEKIT_URL", &stack.livekit_url),
        ("LIVEKIT_API_KEY", &stack.livekit_api_key),
        ("LIVEKIT_API_SECRET", &stack.livekit_api_secret),
        ("AGENT_NAME", AGENT_NAME),
        ("MAX_CALLS", &stack.extra.max_calls.to_string()),
    ])
}

/// Of the functions.
pub(crate) fn functions(stack: &StackFile) -> Environment {
    let mut all = common(stack);
    all.extend(environment([
        ("PUBLIC_BASE_URL", &stack.public_base_url),
        ("SIP_HOST", &stack.sip_address),
        // By TCP baresip's INVITE with credentials waits 40 ms for the acknowledgement of its ACK (Nagle): no carrier does.
        ("SIP_TRANSPORT", "udp"),
        ("SIP_USERNAME", &stack.sip_username),
        ("SIP_PASSWORD", &stack.sip_password),
        ("TWILIO_ACCOUNT_SID", &stack.twilio_account_sid),
        ("TWILIO_AUTH_TOKENS", &stack.twilio_auth_token),
        ("API_TOKENS", &format!("supervisor:{}", stack.extra.api_token)),
        ("MEDIA_STREAM_URL", &stack.extra.media_stream_url),
        // A machine that compiles at the same time is slow: 1 s, which is plenty on AWS, would lose calls.
        ("LIVEKIT_DEADLINE_MS", "2500"),
    ]));
    all
}

/// Vendors the agent knows, with the name the simulator gives each.
const VENDORS: [(&str, &str); 6] = [
    ("DEEPGRAM", "deepgram"),
    ("OPENAI", "openai"),
    ("ELEVENLABS", "elevenlabs"),
    ("ANTHROPIC", "anthropic"),
    ("GROQ", "groq"),
    ("ASSEMBLYAI", "assemblyai"),
];

/// Of the agent. A vendor whose `…_API_KEY` is in `ours` is the real one; all others are simulated.
pub(crate) fn agent(
    stack: &StackFile,
    vendors: &Vendors,
    health_address: &str,
    ours: &dyn Fn(&str) -> Option<String>,
) -> Environment {
    let mut all = common(stack);
    all.extend(environment([
        ("HEALTH_ADDR", health_address),
        // Shorter than the supervisor waits before it kills.
        ("DRAIN_SECONDS", "8"),
        ("JOURNAL_DIR", &stack.extra.journal_dir.display().to_string()),
        // The agent starts no program; LiveKit's client would ask `lsb_release` at every join, for 11 ms.
        ("PATH", "/nonexistent"),
        // Nothing above DEBUG says what was spoken; this stack is for looking inside.
        ("RUST_LOG", &ours("RUST_LOG").unwrap_or_else(|| "info".to_owned())),
    ]));
    // `cargo xtask turn-model` says where the weights are.
    all.extend(ours("SMART_TURN_MODEL").map(|weights| ("SMART_TURN_MODEL".to_owned(), weights)));
    for (vendor, name) in VENDORS {
        let (key, base) = (format!("{vendor}_API_KEY"), format!("{vendor}_BASE_URL"));
        match (ours(&key), vendors.by_name.get(name)) {
            (Some(real), _) => {
                all.insert(key, real);
                if let Some(url) = ours(&base) {
                    all.insert(base, url);
                }
            }
            (None, Some(simulated)) => {
                all.insert(key, "simulated".to_owned());
                all.insert(base, simulated.clone());
            }
            (None, None) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> StackFile {
        let mut stack: StackFile = serde_json::from_str(include_str!("../tests/data/stack.json")).unwrap();
        "api-token".clone_into(&mut stack.extra.api_token);
        stack
    }

    #[test]
    fn a_real_key_replaces_the_simulated_vendor() {
        let vendors: Vendors =
            serde_json::from_str(r#"{"control":"http://c","openai":"http://o/v1","deepgram":"ws://d"}"#)
                .unwrap();
        let ours = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-real".to_owned());
        let agent = agent(&stack(), &vendors, "127.0.0.1:1", &ours);
        assert_eq!(agent["OPENAI_API_KEY"], "sk-real");
        assert_eq!(agent.get("OPENAI_BASE_URL"), None);
        assert_eq!(agent["DEEPGRAM_BASE_URL"], "ws://d");
        assert_eq!(agent.get("GROQ_API_KEY"), None);
    }

    #[test]
    fn the_agent_does_not_get_the_carriers_token() {
        let vendors = Vendors { control: String::new(), by_name: BTreeMap::new() };
        let agent = agent(&stack(), &vendors, "127.0.0.1:1", &|_| None);
        assert!(!agent.keys().any(|name| name.starts_with("TWILIO") || name.starts_with("SIP")));
        assert_eq!(functions(&stack())["API_TOKENS"], "supervisor:api-token");
    }
}
