//! What both sides are told, and what the simulated vendors do.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use domain::AgentConfig;
use serde_json::{Value, json};

/// From the caller's last sound to the end of the turn.
pub(crate) const ENDPOINTING_MS: u64 = 500;
/// From the model's request to its first token; the others follow at once, so that the length of the first sentence does not count.
const MODEL_MS: u64 = 200;
/// From the voice's text to its first audio.
const VOICE_MS: u64 = 100;
/// From the recogniser's end of speech to its final words: hidden behind the endpointing delay.
const RECOGNISER_MS: u64 = 100;
/// livekit-agents' default (`inference.VAD`), and the agent's.
const VAD_ACTIVATION: f64 = 0.5;
const VAD_MIN_SILENCE_MS: u64 = 250;
/// Tokens a second: all of a sentence within a millisecond or two.
const MODEL_RATE: f64 = 20_000.0;

/// Delays that nobody's code can shorten.
pub(crate) const CONFIGURED_MS: u64 = ENDPOINTING_MS + MODEL_MS + VOICE_MS;
/// The vendors' part of them.
pub(crate) const VENDORS_MS: u64 = MODEL_MS + VOICE_MS;

/// What the agent says to everything: one sentence without a pause, so that every gap in it is somebody's fault.
pub(crate) const REPLY: &str = "My colleague will ring you again within the hour.";
/// What the callers say, one after the other; no pause, no number, so that only the plain endpointing delay counts.
pub(crate) const LINES: [&str; 3] = [
    "Hello I would like to see somebody this week.",
    "I was there before and they were kind to me.",
    "Thank you very much and have a nice day.",
];
const GREETING: &str = "Hello and welcome.";
const PROMPT: &str = "You answer the telephone of a dentist. Be brief.";

/// The settings as they are printed and as the other side gets them.
pub(crate) fn settings() -> Value {
    json!({
        "endpointing_ms": ENDPOINTING_MS,
        "vad_activation": VAD_ACTIVATION,
        "vad_min_silence_ms": VAD_MIN_SILENCE_MS,
        "preemptive_generation": false,
        "recogniser_ms": RECOGNISER_MS,
        "model_ms": MODEL_MS,
        "voice_ms": VOICE_MS,
        "greeting": GREETING,
        "prompt": PROMPT,
    })
}

/// ringdown's agent: the sample one with these settings.
pub(crate) fn agent(sample: AgentConfig) -> Result<AgentConfig> {
    let turns = json!({
        "endpointing_min_delay_ms": ENDPOINTING_MS,
        "vad_activation": VAD_ACTIVATION,
        "vad_min_silence_ms": VAD_MIN_SILENCE_MS,
        "preemptive_generation": false,
    });
    Ok(AgentConfig {
        greeting: GREETING.to_owned(),
        prompt: PROMPT.to_owned(),
        turns: serde_json::from_value(turns).context("settings of the turns")?,
        ..sample
    })
}

/// Has the simulated voice speak the reply once: it starts espeak-ng for a text it has not spoken yet, which is no delay of a vendor.
pub(crate) async fn rehearse(voice_url: &str) -> Result<()> {
    let url = format!("{voice_url}/v1/text-to-speech/rehearsal?output_format=pcm_16000");
    let request = reqwest::Client::new().post(url).header("xi-api-key", "simulated");
    let answer =
        request.json(&json!({ "text": REPLY })).send().await.context("the simulated voice is silent")?;
    answer.error_for_status()?.bytes().await?;
    Ok(())
}

/// Writes the simulated vendors' configuration into `dir`.
pub(crate) fn vendors(dir: &Path) -> Result<PathBuf> {
    let config = json!({
        "script": { "lines": LINES, "after_last": "repeat", "replies": [{ "when": "", "say": REPLY }] },
        "services": {
            "deepgram_listen": { "first_ms": RECOGNISER_MS },
            "openai_chat": { "first_ms": MODEL_MS, "rate": MODEL_RATE },
            "elevenlabs": { "first_ms": VOICE_MS },
        },
    });
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let path = dir.join("vendors.json");
    std::fs::write(&path, config.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
