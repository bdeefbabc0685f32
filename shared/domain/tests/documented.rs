//! What can be configured is in `agent-container/README.md`, with every field.

use domain::{
    AgentConfig, AgentLimits, LLM_VENDORS, S2S_VENDORS, STT_VENDORS, TTS_VENDORS, Tool, TurnSettings, Voice,
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// The names of a type's fields, as the refusal of an unknown one lists them.
fn fields<T: DeserializeOwned>() -> Vec<String> {
    let refusal = serde_json::from_value::<T>(json!({"?": 0})).err().map(|error| error.to_string());
    let listed =
        refusal.as_deref().and_then(|text| text.split_once("expected")).map(|(_, list)| list.to_owned());
    listed.unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn check(names: impl IntoIterator<Item = String>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../agent-container/README.md");
    let documented = std::fs::read_to_string(path).expect("the documentation is there");
    let mut names = names.into_iter().peekable();
    assert!(names.peek().is_some(), "nothing to look for");
    for name in names {
        assert!(documented.contains(&format!("`{name}`")), "{name} is not documented");
    }
}

#[test]
fn every_field_of_an_agent_is_documented() {
    check(fields::<AgentConfig>());
    check(fields::<AgentLimits>());
    check(fields::<Tool>());
    check(fields::<TurnSettings>());
    check(fields::<Voice>());
}

#[test]
fn every_vendor_is_documented() {
    let all = [&STT_VENDORS[..], &LLM_VENDORS, &TTS_VENDORS, &S2S_VENDORS];
    check(all.into_iter().flatten().map(|&vendor| vendor.to_owned()));
}
