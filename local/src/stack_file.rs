//! `target/local/stack.json`: what any other tool needs to use the running stack. Its keys are stable; what only our own tools need
//! is in `details.json` beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

/// Addresses, credentials and process ids of a running stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFile {
    /// Where webhooks are posted, `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// The base of the URLs that are signed and that the TwiML contains.
    pub public_base_url: String,
    /// The account that webhooks name.
    pub twilio_account_sid: String,
    /// The token webhooks are signed with.
    pub twilio_auth_token: String,
    /// The sample number.
    pub number: String,
    /// livekit-server for clients.
    pub livekit_url: String,
    /// Its API key.
    pub livekit_api_key: String,
    /// Its API secret.
    pub livekit_api_secret: String,
    /// livekit-sip, `127.0.0.1:PORT`, UDP and TCP.
    pub sip_address: String,
    /// Digest user name of the trunk.
    pub sip_username: String,
    /// Digest password of the trunk.
    pub sip_password: String,
    /// DynamoDB's endpoint.
    pub dynamodb_url: String,
    /// The table.
    pub table: String,
    /// Process ids by name; `supervisor` is the one that stops the others.
    pub pids: BTreeMap<String, u32>,
    /// What only our own tools need; in a file beside this one.
    #[serde(skip)]
    pub extra: Extra,
}

/// Addresses and places of this implementation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// Port for `cargo lambda invoke`.
    pub lambda_port: u16,
    /// The simulated vendors' control address: counters and faults.
    pub simulator_control_url: String,
    /// The agent's health and metrics.
    pub agent_url: String,
    /// The secret of the role `supervisor` at `/token` and `/rooms`.
    pub api_token: String,
    /// Where carriers connect Media Streams.
    pub media_stream_url: String,
    /// Calls at once.
    pub max_calls: u32,
    /// Where the agent writes one journal per call.
    pub journal_dir: PathBuf,
    /// Where the logs are.
    pub log_dir: PathBuf,
}

impl StackFile {
    /// Reads `path`; `None` when it is not there or the stack it describes is dead.
    ///
    /// # Errors
    /// When the file is there but not readable.
    pub fn of_running(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let mut file: Self = read(path)?;
        file.extra = read(&details(path))?;
        Ok(file.supervisor().filter(|&pid| test_kill_process(pid).is_ok()).is_some().then_some(file))
    }

    /// Writes it in one step, so that nobody reads half of it; the details first.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        replace(&details(path), &serde_json::to_string_pretty(&self.extra)?)?;
        replace(path, &serde_json::to_string_pretty(self)?)
    }

    /// Asks the supervisor to stop everything.
    pub fn terminate(&self) {
        if let Some(pid) = self.supervisor() {
            // An error means that it is gone already.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn supervisor(&self) -> Option<Pid> {
        self.pids.get("supervisor").and_then(|&pid| i32::try_from(pid).ok()).and_then(Pid::from_raw)
    }
}

fn details(path: &Path) -> PathBuf {
    path.with_file_name("details.json")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

fn replace(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("json.new");
    std::fs::write(&draft, text)
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_exactly_the_promised_keys() {
        let sample: StackFile = serde_json::from_str(include_str!("../tests/data/stack.json")).unwrap();
        let json = serde_json::to_value(&sample).unwrap();
        let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let promised = [
            "base_url",
            "dynamodb_url",
            "livekit_api_key",
            "livekit_api_secret",
            "livekit_url",
            "number",
            "pids",
            "public_base_url",
            "sip_address",
            "sip_password",
            "sip_username",
            "table",
            "twilio_account_sid",
            "twilio_auth_token",
        ];
        assert_eq!(keys, promised);
    }

    #[test]
    fn a_dead_stack_is_none() {
        let dir = std::env::temp_dir().join(format!("stack-file-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("stack.json");
        let mut file: StackFile = serde_json::from_str(include_str!("../tests/data/stack.json")).unwrap();
        file.pids = BTreeMap::from([("supervisor".to_owned(), std::process::id())]);
        file.write(&path).unwrap();
        assert_eq!(StackFile::of_running(&path).unwrap().as_ref(), Some(&file));
        // No process has the highest number there can be.
        file.pids = BTreeMap::from([("supervisor".to_owned(), i32::MAX as u32)]);
        file.write(&path).unwrap();
        assert_eq!(StackFile::of_running(&path).unwrap(), None);
    }
}
