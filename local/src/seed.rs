//! The sample number, agent and voice: put into the table when they are not there yet, so that changes made to them stay.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use domain::{AgentConfig, NumberConfig, User, Voice};
use serde::de::DeserializeOwned;
use servers::workspace_root;
use store::Store;

use crate::database::TABLE;

/// The sample number, as `local/seed/number-*.json` has it.
pub const SAMPLE_NUMBER: &str = "+15550100100";

macro_rules! sow {
    ($store:ident, $kind:literal, $type:ty, $id:ident, $get:ident, $put:ident) => {
        for sample in samples::<$type>($kind)? {
            if $store.$get(&sample.$id).await?.is_none() {
                $store.$put(sample).await.with_context(|| format!("a sample {}", $kind))?;
            }
        }
    };
}

/// Puts the samples of `local/seed` into the table. What others name comes first.
///
/// # Errors
/// When a sample cannot be read or breaks a rule.
pub async fn sow(client: &aws_sdk_dynamodb::Client) -> Result<()> {
    let store = Store::new(client.clone(), TABLE);
    sow!(store, "user", User, id, user, put_user);
    sow!(store, "voice", Voice, id, voice, put_voice);
    sow!(store, "agent", AgentConfig, id, agent, put_agent);
    sow!(store, "number", NumberConfig, number, number, put_number);
    Ok(())
}

/// The samples of one kind: the files `local/seed/KIND-….json`, in the order of their names.
fn samples<T: DeserializeOwned>(kind: &str) -> Result<Vec<T>> {
    let dir = workspace_root().join("local/seed");
    let files = std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut paths: Vec<PathBuf> = files.filter_map(Result::ok).map(|file| file.path()).collect();
    paths.retain(|path| is_of_kind(path, kind));
    paths.sort();
    paths.iter().map(|path| sample(path)).collect()
}

fn is_of_kind(path: &Path, kind: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".json") && name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('-'))
}

fn sample<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no such sample", path.display()))
}
