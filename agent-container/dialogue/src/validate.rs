//! The checks behind [`crate::Config::validate`].

use std::ops::RangeInclusive;

use domain::turn_limits as limits;

use crate::{Config, ConfigError, Mind, Rescue, TurnConfig, Watchdog};

/// A day: no delay of a conversation is longer.
const DAY_MS: u64 = limits::DAY_MS as u64;

pub(crate) fn config(config: &Config) -> Result<(), ConfigError> {
    turns(&config.turns)?;
    tools(config)?;
    if config.mind == Mind::Live && config.turns.preemptive.tts {
        return err("turns.preemptive.tts", "a speech-to-speech session has no synthesis");
    }
    match &config.rescue {
        Rescue::Transfer { to } if to.is_empty() => err("rescue.transfer.to", "must not be empty"),
        Rescue::Transfer { .. } if !config.road.transfer => err("rescue", "this road cannot transfer"),
        _ => Ok(()),
    }
}

fn tools(config: &Config) -> Result<(), ConfigError> {
    for (i, tool) in config.tools.iter().enumerate() {
        let field = |name: &str| format!("tools[{i}].{name}");
        let name_ok = (1..=64).contains(&tool.name.len())
            && tool.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !name_ok {
            return err(&field("name"), "must match [A-Za-z0-9_-]{1,64}");
        }
        if config.tools[..i].iter().any(|t| t.name == tool.name) {
            return err(&field("name"), format!("`{}` is there twice", tool.name));
        }
        if !tool.parameters.is_object() {
            return err(&field("parameters"), "must be a JSON schema of an object");
        }
        between(&field("timeout_ms"), tool.timeout_ms, 1, 10 * 60 * 1000)?;
    }
    Ok(())
}

pub(crate) fn turns(t: &TurnConfig) -> Result<(), ConfigError> {
    vad(t)?;
    endpointing(t)?;
    interruption(t)?;
    waits(t)?;
    text(t)
}

fn vad(t: &TurnConfig) -> Result<(), ConfigError> {
    unit("turns.vad.activation", t.vad.activation.into())?;
    unit("turns.vad.deactivation", t.vad.deactivation.into())?;
    if t.vad.deactivation > t.vad.activation {
        return err("turns.vad.deactivation", "must not exceed turns.vad.activation");
    }
    within("turns.vad.min_speech_ms", t.vad.min_speech_ms, &limits::VAD_MIN_SPEECH_MS)?;
    within("turns.vad.min_silence_ms", t.vad.min_silence_ms, &limits::VAD_MIN_SILENCE_MS)
}

fn endpointing(t: &TurnConfig) -> Result<(), ConfigError> {
    let e = &t.endpointing;
    within("turns.endpointing.min_delay_ms", e.min_delay_ms, &limits::ENDPOINTING_MIN_DELAY_MS)?;
    within("turns.endpointing.max_delay_ms", e.max_delay_ms, &limits::ENDPOINTING_MAX_DELAY_MS)?;
    if e.max_delay_ms < e.min_delay_ms {
        return err("turns.endpointing.max_delay_ms", "must be at least turns.endpointing.min_delay_ms");
    }
    if !(0.0..1.0).contains(&e.alpha) {
        return err("turns.endpointing.alpha", "must be at least 0 and below 1");
    }
    if let Some(rules) = &e.text_rules {
        between("turns.endpointing.text_rules.punctuated_ms", rules.punctuated_ms, 0, 10_000)?;
        between("turns.endpointing.text_rules.number_ms", rules.number_ms, 0, 10_000)?;
        between("turns.endpointing.text_rules.unfinished_ms", rules.unfinished_ms, 0, 10_000)?;
    }
    optional("turns.endpointing.stt_end_ms", e.stt_end_ms, 100, 30_000)?;
    optional("turns.endpointing.no_new_words_ms", e.no_new_words_ms, 300, 30_000)?;
    unit("turns.turn_model.threshold", t.turn_model.threshold.into())?;
    between("turns.turn_model.timeout_ms", t.turn_model.timeout_ms, 10, 5000)?;
    between("turns.turn_model.complete_delay_ms", t.turn_model.complete_delay_ms, 0, 10_000)?;
    if let Some(wait_ms) = t.recogniser.wait_ms {
        within("turns.recogniser.wait_ms", wait_ms, &limits::TRANSCRIPT_TIMEOUT_MS)?;
    }
    optional("turns.recogniser.flush_after_ms", t.recogniser.flush_after_ms, 100, 10_000)?;
    optional("turns.recogniser.so_far_after_ms", t.recogniser.so_far_after_ms, 1000, 60_000)?;
    optional("turns.recogniser.deaf_after_ms", t.recogniser.deaf_after_ms, 200, 30_000)?;
    between("turns.recogniser.deaf_min_speech_ms", t.recogniser.deaf_min_speech_ms, 0, 30_000)
}

fn interruption(t: &TurnConfig) -> Result<(), ConfigError> {
    let i = &t.interruption;
    within("turns.interruption.min_duration_ms", i.min_duration_ms, &limits::INTERRUPTION_MIN_DURATION_MS)?;
    within("turns.interruption.min_words", i.min_words, &limits::INTERRUPTION_MIN_WORDS)?;
    within("turns.interruption.greeting_min_words", i.greeting_min_words, &limits::INTERRUPTION_MIN_WORDS)?;
    within("turns.interruption.dead_time_ms", i.dead_time_ms, &limits::INTERRUPTION_DEAD_TIME_MS)?;
    within(
        "turns.interruption.false_timeout_ms",
        i.false_timeout_ms,
        &limits::FALSE_INTERRUPTION_TIMEOUT_MS,
    )?;
    between("turns.interruption.boundary_ms", i.boundary_ms, 0, 10_000)?;
    between("turns.interruption.echo_words", i.echo_words.into(), 0, 20)?;
    if t.preemptive.tts && !t.preemptive.llm {
        return err("turns.preemptive.tts", "needs turns.preemptive.llm");
    }
    within("turns.preemptive.max_speech_ms", t.preemptive.max_speech_ms, &limits::PREEMPTIVE_MAX_SPEECH_MS)?;
    between("turns.preemptive.max_attempts", t.preemptive.max_attempts.into(), 0, 20)
}

fn waits(t: &TurnConfig) -> Result<(), ConfigError> {
    for (i, &ms) in t.silence.deadlines_ms.iter().enumerate() {
        within(&format!("turns.silence.deadlines_ms[{i}]"), ms, &limits::SILENCE_MS)?;
    }
    between("turns.silence.max_unanswered", t.silence.max_unanswered.into(), 0, 100)?;
    watchdog(&t.watchdog)?;
    between("turns.digits.inter_digit_ms", t.digits.inter_digit_ms, 200, 60_000)?;
    if !"0123456789*#ABCD".contains(t.digits.terminator) {
        return err("turns.digits.terminator", "must be a key of the telephone");
    }
    within("turns.tools.max_steps", t.tools.max_steps, &limits::MAX_TOOL_STEPS)?;
    optional("turns.tools.filler_after_ms", t.tools.filler_after_ms, 200, 60_000)?;
    between("turns.limits.max_call_ms", t.limits.max_call_ms, 10_000, DAY_MS)?;
    between("turns.limits.max_turns", t.limits.max_turns.into(), 1, 100_000)?;
    between("turns.limits.live_recycle_ms", t.limits.live_recycle_ms, 10_000, DAY_MS)?;
    between("turns.limits.hush_ms", t.limits.hush_ms, 50, 10_000)?;
    between("turns.limits.transfer_ms", t.limits.transfer_ms, 1000, 10 * 60 * 1000)?;
    within("turns.limits.min_speech_gap_ms", t.limits.min_speech_gap_ms, &limits::MIN_SPEECH_GAP_MS)
}

fn watchdog(w: &Watchdog) -> Result<(), ConfigError> {
    let [filler, apology, rescue] = &limits::WATCHDOG_MS;
    if let Some(filler_ms) = w.filler_ms {
        within("turns.watchdog.filler_ms", filler_ms, filler)?;
    }
    within("turns.watchdog.apology_ms", w.apology_ms, apology)?;
    within("turns.watchdog.rescue_ms", w.rescue_ms, rescue)?;
    if w.filler_ms.is_some_and(|filler_ms| filler_ms >= w.apology_ms) {
        return err("turns.watchdog.apology_ms", "must be above turns.watchdog.filler_ms");
    }
    if w.apology_ms >= w.rescue_ms {
        return err("turns.watchdog.rescue_ms", "must be above turns.watchdog.apology_ms");
    }
    Ok(())
}

fn text(t: &TurnConfig) -> Result<(), ConfigError> {
    if !(20..=5000).contains(&t.text.max_chunk_chars) {
        return err("turns.text.max_chunk_chars", "must be from 20 to 5000");
    }
    if t.text.min_sentence_chars > t.text.max_chunk_chars {
        return err("turns.text.min_sentence_chars", "must not exceed turns.text.max_chunk_chars");
    }
    if !(0.5..=20.0).contains(&t.text.syllables_per_s) {
        return err("turns.text.syllables_per_s", "must be from 0.5 to 20");
    }
    Ok(())
}

fn unit(field: &str, value: f64) -> Result<(), ConfigError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { err(field, format!("must be from 0 to 1, is {value}")) }
}

fn between(field: &str, value: u64, min: u64, max: u64) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        err(field, format!("must be from {min} to {max}, is {value}"))
    }
}

/// A range that operators know, too.
fn within(field: &str, value: impl Into<u64>, range: &RangeInclusive<u32>) -> Result<(), ConfigError> {
    between(field, value.into(), (*range.start()).into(), (*range.end()).into())
}

fn optional(field: &str, value: Option<u64>, min: u64, max: u64) -> Result<(), ConfigError> {
    value.map_or(Ok(()), |v| between(field, v, min, max))
}

fn err(field: &str, reason: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::new(field, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_make_sense() {
        for turns in [TurnConfig::phone_default(), TurnConfig::livekit_189()] {
            assert_eq!(config(&Config { turns, ..Config::default() }), Ok(()));
        }
    }

    #[test]
    fn nonsense_is_refused_by_the_fields_name() {
        let check = |json: &str, field: &str| {
            let turns: TurnConfig = serde_json::from_str(json).unwrap();
            assert_eq!(super::turns(&turns).unwrap_err().field, field);
        };
        check(r#"{"vad":{"activation":1.1}}"#, "turns.vad.activation");
        check(r#"{"vad":{"deactivation":0.9}}"#, "turns.vad.deactivation");
        check(r#"{"endpointing":{"max_delay_ms":100}}"#, "turns.endpointing.max_delay_ms");
        check(r#"{"endpointing":{"alpha":1.0}}"#, "turns.endpointing.alpha");
        check(
            r#"{"endpointing":{"text_rules":{"number_ms":99999}}}"#,
            "turns.endpointing.text_rules.number_ms",
        );
        check(r#"{"silence":{"deadlines_ms":[8000,10]}}"#, "turns.silence.deadlines_ms[1]");
        check(r#"{"watchdog":{"filler_ms":13000}}"#, "turns.watchdog.apology_ms");
        check(r#"{"watchdog":{"apology_ms":20000}}"#, "turns.watchdog.rescue_ms");
        check(r#"{"digits":{"terminator":"x"}}"#, "turns.digits.terminator");
        check(r#"{"preemptive":{"llm":false,"tts":true}}"#, "turns.preemptive.tts");
        check(r#"{"text":{"syllables_per_s":0.0}}"#, "turns.text.syllables_per_s");
        check(r#"{"turn_model":{"threshold":2.0}}"#, "turns.turn_model.threshold");
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<TurnConfig>(r#"{"endpointing":{"min_delay":1}}"#).is_err());
    }

    #[test]
    fn tools_are_checked() {
        let tool =
            |name: &str| ToolSpec { name: name.to_owned(), ..crate::builtin::spec("end_call").unwrap() };
        let check = |tools: Vec<ToolSpec>, field: &str| {
            assert_eq!(config(&Config { tools, ..Config::default() }).unwrap_err().field, field);
        };
        check(vec![tool("with space")], "tools[0].name");
        check(vec![tool("twice"), tool("twice")], "tools[1].name");
        check(vec![ToolSpec { parameters: serde_json::json!([]), ..tool("a") }], "tools[0].parameters");
        check(vec![ToolSpec { timeout_ms: 0, ..tool("a") }], "tools[0].timeout_ms");
    }

    use crate::ToolSpec;
}
