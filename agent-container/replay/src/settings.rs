//! `key=value` on a configuration.

use dialogue::Config;
use serde_json::Value;

use crate::parse::json_or_text;

/// `config` with the field at `path` changed. A path starts at the configuration (`road.pausable`) or at its
/// `turns` (`endpointing.min_delay_ms`). The value is JSON, or else text.
///
/// # Errors
///
/// Unknown fields, values of the wrong type, and configurations that make no sense.
pub fn with(config: &Config, path: &str, value: &str) -> Result<Config, String> {
    let mut root = serde_json::to_value(config).map_err(|e| e.to_string())?;
    let known = root.pointer(&format!("/{}", path.replace('.', "/"))).is_some();
    let full = if known { path.to_owned() } else { format!("turns.{path}") };
    let mut at = &mut root;
    for part in full.split('.') {
        at = match at {
            Value::Object(map) => map.get_mut(part).ok_or(format!("unknown field `{path}`"))?,
            _ => return Err(format!("unknown field `{path}`")),
        };
    }
    *at = json_or_text(value);
    let config: Config = serde_json::from_value(root).map_err(|e| format!("{path}: {e}"))?;
    config.validate().map_err(|e| e.to_string())?;
    Ok(config)
}
