//! From the agent's stored configuration to the dialogue's.

use domain::{AgentConfig, EndOfTurnModel, TurnSettings, WatchdogAction};

use crate::{
    Config, ConfigError, EndpointingMode, Mind, Phrases, Rescue, Road, ToolClass, ToolSpec, TurnConfig,
    TurnModelKind, Variables, builtin, render,
};

impl Config {
    /// The dialogue of this agent on this road, with the call's variables filled in. Built-in tools are added
    /// as far as the road and the agent allow.
    ///
    /// # Errors
    ///
    /// The first field that makes no sense, named as in [`AgentConfig`] where it comes from there.
    pub fn for_agent(agent: &AgentConfig, variables: &Variables, road: Road) -> Result<Self, ConfigError> {
        let mut turns = TurnConfig::try_from(&agent.turns)?;
        turns.limits.max_call_ms = u64::from(agent.limits.max_duration_s) * 1000;
        turns.limits.max_turns = agent.limits.max_turns;
        let mut variables = variables.clone();
        variables.extra.extend(agent.variables.clone());
        let mut phrases = Phrases::for_language(&agent.language);
        phrases.failed.clone_from(&agent.apology);
        set_phrases(&mut phrases, &agent.turns);
        let targets =
            agent.transfer_targets.iter().map(|(n, to)| (n.clone(), to.as_str().to_owned())).collect();
        let config = Self {
            instructions: render("prompt", &agent.prompt, &variables, &agent.time_zone)?,
            greeting: render("greeting", &agent.greeting, &variables, &agent.time_zone)?,
            greeting_interruptible: agent.greeting_interruptible,
            phrases,
            tools: tools(agent, road),
            transfer_targets: targets,
            road,
            mind: if agent.vendors.s2s.is_empty() { Mind::Pipeline } else { Mind::Live },
            rescue: rescue(agent, road),
            turns,
        };
        config.validate()?;
        Ok(config)
    }
}

fn tools(agent: &AgentConfig, road: Road) -> Vec<ToolSpec> {
    let own = agent.tools.iter().map(|tool| ToolSpec {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: tool.parameters.clone(),
        class: match tool.class {
            domain::ToolClass::Read => ToolClass::Read,
            domain::ToolClass::Write => ToolClass::Write,
        },
        timeout_ms: tool.timeout_ms.into(),
    });
    let mut all: Vec<ToolSpec> = own.collect();
    let transfers = road.transfer && !agent.transfer_targets.is_empty();
    for name in builtin::NAMES {
        let offered = name != builtin::TRANSFER_CALL || transfers;
        let shadowed = all.iter().any(|t| t.name == name);
        all.extend(builtin::spec(name).filter(|_| offered && !shadowed));
    }
    all
}

/// What the last step of the watchdog does.
fn rescue(agent: &AgentConfig, road: Road) -> Rescue {
    let steps = agent.turns.watchdog.as_deref().unwrap_or_default();
    if steps.iter().any(|s| s.action == WatchdogAction::HangUp) {
        return Rescue::HangUp;
    }
    match agent.transfer_targets.values().next().filter(|_| road.transfer) {
        Some(to) => Rescue::Transfer { to: to.as_str().to_owned() },
        None => Rescue::Voicemail,
    }
}

fn set_phrases(phrases: &mut Phrases, settings: &TurnSettings) {
    if let Some(prompts) = &settings.silence_prompts {
        phrases.silence_prompts = prompts.iter().map(|p| p.say.clone()).collect();
    }
    for step in settings.watchdog.iter().flatten() {
        let Some(say) = &step.say else { continue };
        match step.action {
            WatchdogAction::Filler => phrases.fillers = vec![say.clone()],
            WatchdogAction::Fallback => phrases.apology.clone_from(say),
            WatchdogAction::Transfer => phrases.transfer.clone_from(say),
            WatchdogAction::HangUp => phrases.failed.clone_from(say),
        }
    }
}

impl TryFrom<&TurnSettings> for TurnConfig {
    type Error = ConfigError;

    /// The telephone's defaults with the operator's settings over them, checked.
    fn try_from(s: &TurnSettings) -> Result<Self, ConfigError> {
        s.validate().map_err(|e| {
            let invalid = e.within("turns");
            ConfigError::new(&invalid.field, invalid.why)
        })?;
        let mut t = Self::phone_default();
        set_voice(&mut t, s);
        set_interruption(&mut t, s);
        set_waits(&mut t, s);
        set_watchdog(&mut t, s);
        crate::validate::turns(&t)?;
        Ok(t)
    }
}

/// Overwrites `field` when the operator set it.
fn set<T, U: Clone + Into<T>>(field: &mut T, value: Option<&U>) {
    if let Some(value) = value {
        *field = value.clone().into();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "probabilities")]
fn set_voice(t: &mut TurnConfig, s: &TurnSettings) {
    set(&mut t.vad.activation, s.vad_activation.map(|p| p as f32).as_ref());
    let follows = (f64::from(t.vad.activation) - 0.15).max(0.01).min(f64::from(t.vad.activation));
    t.vad.deactivation = s.vad_deactivation.unwrap_or(follows) as f32;
    set(&mut t.vad.min_speech_ms, s.vad_min_speech_ms.as_ref());
    set(&mut t.vad.min_silence_ms, s.vad_min_silence_ms.as_ref());
    let e = &mut t.endpointing;
    if let Some(min) = s.endpointing_min_delay_ms {
        e.min_delay_ms = min.into();
        e.max_delay_ms = e.max_delay_ms.max(e.min_delay_ms);
    }
    set(&mut e.max_delay_ms, s.endpointing_max_delay_ms.as_ref());
    if s.endpointing_dynamic == Some(true) {
        e.mode = EndpointingMode::Dynamic;
    }
    set_turn_model(t, s);
    t.recogniser.wait_ms = s.transcript_timeout_ms.map(u64::from).or(t.recogniser.wait_ms);
    set(&mut t.preemptive.llm, s.preemptive_generation.as_ref());
    set(&mut t.preemptive.max_speech_ms, s.preemptive_max_speech_ms.as_ref());
}

#[expect(clippy::cast_possible_truncation, reason = "a probability")]
fn set_turn_model(t: &mut TurnConfig, s: &TurnSettings) {
    if let Some(model) = s.endpointing_turn_model {
        t.turn_model.kind = match model {
            EndOfTurnModel::None => TurnModelKind::None,
            EndOfTurnModel::SmartTurn => TurnModelKind::SmartTurn,
        };
    }
    set(&mut t.turn_model.threshold, s.endpointing_turn_model_threshold.map(|p| p as f32).as_ref());
}

fn set_interruption(t: &mut TurnConfig, s: &TurnSettings) {
    let i = &mut t.interruption;
    set(&mut i.enabled, s.interruption_enabled.as_ref());
    set(&mut i.min_duration_ms, s.interruption_min_duration_ms.as_ref());
    set(&mut i.min_words, s.interruption_min_words.as_ref());
    set(&mut i.dead_time_ms, s.interruption_dead_time_ms.as_ref());
    set(&mut i.false_timeout_ms, s.false_interruption_timeout_ms.as_ref());
    set(&mut i.resume, s.false_interruption_resume.as_ref());
    set(&mut i.backchannel, s.backchannel_words.as_ref());
}

fn set_waits(t: &mut TurnConfig, s: &TurnSettings) {
    if let Some(prompts) = &s.silence_prompts {
        let last = s.max_silence_ms.map_or(DEFAULT_SILENCE_MS, u64::from);
        t.silence.deadlines_ms = prompts.iter().map(|p| p.after_ms.into()).chain([last]).collect();
        t.silence.max_unanswered = u32::try_from(prompts.len() + 1).unwrap_or(u32::MAX);
    } else if let Some(last) = s.max_silence_ms {
        t.silence.deadlines_ms = vec![DEFAULT_SILENCE_MS, last.into()];
    }
    set(&mut t.limits.min_speech_gap_ms, s.min_consecutive_speech_delay_ms.as_ref());
    set(&mut t.tools.max_steps, s.max_tool_steps.as_ref());
}

fn set_watchdog(t: &mut TurnConfig, s: &TurnSettings) {
    let Some(steps) = &s.watchdog else { return };
    if steps.is_empty() {
        t.watchdog.filler_ms = None;
    }
    for step in steps {
        let after = u64::from(step.after_ms);
        match step.action {
            WatchdogAction::Filler => t.watchdog.filler_ms = Some(after),
            WatchdogAction::Fallback => t.watchdog.apology_ms = after,
            WatchdogAction::Transfer | WatchdogAction::HangUp => t.watchdog.rescue_ms = after,
        }
    }
}

/// Silence before the first prompt when the operator sets none (the same as the preset).
const DEFAULT_SILENCE_MS: u64 = 8000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_land_where_they_belong() {
        let settings = TurnSettings {
            vad_activation: Some(0.7),
            vad_min_silence_ms: Some(400),
            endpointing_dynamic: Some(true),
            max_silence_ms: Some(5000),
            ..TurnSettings::default()
        };
        let turns = TurnConfig::try_from(&settings).unwrap();
        assert!((turns.vad.activation - 0.7).abs() < 1e-6 && (turns.vad.deactivation - 0.55).abs() < 1e-6);
        assert_eq!(turns.vad.min_silence_ms, 400);
        assert_eq!(turns.endpointing.mode, EndpointingMode::Dynamic);
        assert_eq!((turns.silence.deadlines_ms, turns.silence.max_unanswered), (vec![8000, 5000], 2));
    }

    #[test]
    fn nonsense_is_refused_by_the_operators_name() {
        let check = |settings: TurnSettings, field: &str| {
            assert_eq!(TurnConfig::try_from(&settings).unwrap_err().field, field);
        };
        check(TurnSettings { vad_activation: Some(1.5), ..Default::default() }, "turns.vad_activation");
        check(
            TurnSettings { endpointing_max_delay_ms: Some(10), ..Default::default() },
            "turns.endpointing_max_delay_ms",
        );
        check(TurnSettings { max_tool_steps: Some(0), ..Default::default() }, "turns.max_tool_steps");
    }

    /// The stored settings and the running configuration share their ranges; this is about the rest: two
    /// settings at a time, each at every value at which anything changes.
    #[test]
    fn whatever_an_operator_may_write_can_be_run() {
        let accepted = pairs().filter(|json| {
            let settings: TurnSettings = serde_json::from_value(json.clone()).unwrap();
            let stored = settings.validate().is_ok();
            assert_eq!(TurnConfig::try_from(&settings).is_ok(), stored, "{json}");
            stored
        });
        assert!(accepted.count() > 10_000);
    }

    /// Every pair of settings with every pair of values.
    fn pairs() -> impl Iterator<Item = serde_json::Value> {
        let ms = [0, 1, 50, 100, 500, 599, 600, 1000, 2000, 5000, 6000, 10_000, 12_000, 20_000, 30_000]
            .map(|ms| serde_json::json!(ms));
        let probabilities = [0.0, 0.01, 0.35, 0.5, 0.7, 1.0].map(|p| serde_json::json!(p));
        let mut one = Vec::new();
        for name in ["vad_activation", "vad_deactivation", "endpointing_turn_model_threshold"] {
            one.extend(probabilities.iter().map(|p| (name, p.clone())));
        }
        for name in [
            "vad_min_speech_ms",
            "vad_min_silence_ms",
            "endpointing_min_delay_ms",
            "endpointing_max_delay_ms",
            "interruption_min_duration_ms",
            "interruption_min_words",
            "interruption_dead_time_ms",
            "false_interruption_timeout_ms",
            "preemptive_max_speech_ms",
            "max_silence_ms",
            "min_consecutive_speech_delay_ms",
            "max_tool_steps",
            "transcript_timeout_ms",
        ] {
            one.extend(ms.iter().map(|ms| (name, ms.clone())));
        }
        for action in ["filler", "fallback", "transfer", "hang_up"] {
            let step = |at| serde_json::json!([{"after_ms": at, "action": action}]);
            one.extend(ms.iter().map(|at| ("watchdog", step(at))));
        }
        let other = one.clone();
        one.into_iter()
            .flat_map(move |(a, x)| other.clone().into_iter().map(move |(b, y)| (a, x.clone(), b, y)))
            .map(|(a, x, b, y)| serde_json::json!({a: x, b: y}))
    }
}
