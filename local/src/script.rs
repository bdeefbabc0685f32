//! `local/script.json`: what the simulated recogniser hears and the simulated model answers. The caller says the same words.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;
use servers::workspace_root;

/// The configuration of the simulated vendors.
#[must_use]
pub fn path() -> PathBuf {
    workspace_root().join("local/script.json")
}

/// The caller's lines.
///
/// # Errors
/// When the file cannot be read.
pub fn lines() -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Config {
        script: Script,
    }
    #[derive(Deserialize)]
    struct Script {
        lines: Vec<String>,
    }
    let path = path();
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: Config =
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    Ok(config.script.lines)
}
