//! Greetings are synthesised when the container starts, so that the first caller of the day need not wait either.

use std::sync::Arc;

use dialogue::{CallTime, Dialogue, Input, Output, Road, SayKind, Variables};
use tracing::{debug, info};

use super::call::Shared;
use super::records::Bundle;
use super::setup::CallSetup;
use crate::drivers::voice;

/// Agents rehearsed at most: each costs one synthesis at every start.
const MOST_AGENTS: usize = 32;

/// Rehearses the greetings of all agents that greet everybody alike.
pub async fn rehearse(shared: Arc<Shared>) {
    let agents = match shared.records.agents().await {
        Ok(agents) => agents,
        Err(error) => return debug!(%error, "agents not listed: no rehearsal"),
    };
    let mut rehearsed = 0;
    for agent in agents.into_iter().take(MOST_AGENTS) {
        let Ok(Some(bundle)) = shared.bundles.load(&agent).await else { continue };
        let Some((setup, texts)) = greeting(&bundle, &shared) else { continue };
        let Some(voice) = setup.tts.first() else { continue };
        voice::rehearse(voice, &shared.client, &texts, &shared.clips).await;
        rehearsed += 1;
    }
    info!(count = rehearsed, "greetings rehearsed");
}

/// The greeting in the pieces in which the dialogue says it; nothing when it differs from call to call.
fn greeting(bundle: &Bundle, shared: &Shared) -> Option<(CallSetup, Vec<String>)> {
    if bundle.agent.greeting.contains('{') {
        return None;
    }
    let road = Road { pausable: true, transfer: true };
    let setup = CallSetup::new(bundle, &shared.endpoints, &Variables::default(), road).ok()?;
    let mut dialogue = Dialogue::new(setup.dialogue.clone()).ok()?;
    dialogue.handle(CallTime::ZERO, Input::Wake);
    let said = std::iter::from_fn(|| dialogue.poll()).filter_map(|output| match output {
        Output::Say(chunk) if chunk.kind == SayKind::Greeting => Some(chunk.text),
        _ => None,
    });
    let texts: Vec<String> = said.filter(|text| !text.trim().is_empty()).collect();
    Some((setup, texts))
}
