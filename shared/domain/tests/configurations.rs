//! Configurations: what is accepted, and which field a refusal names.
#![allow(clippy::unwrap_used, reason = "tests stop where something is not as it must be")]

use domain::{AgentConfig, CallId, Config, E164, NumberConfig, Road, User, Voice};
use serde_json::{Value, json};

fn seed(name: &str) -> Value {
    let path = format!("{}/../../local/seed/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads a sample with one field replaced (`null` removes it) and gives the field that is refused.
fn refused<C: Config>(mut sample: Value, pointer: &str, value: Value) -> String {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = sample.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(fields) if value.is_null() => drop(fields.remove(name)),
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        other => panic!("{other} has no fields"),
    }
    match C::from_json(&sample.to_string()) {
        Ok(_) => "accepted".to_owned(),
        Err(invalid) => invalid.field,
    }
}

#[test]
fn samples_are_accepted_and_survive_a_round_trip() {
    fn check<C: Config + serde::Serialize + PartialEq + std::fmt::Debug>(name: &str) {
        let value = C::from_json(&seed(name).to_string()).unwrap();
        assert_eq!(C::from_json(&serde_json::to_string(&value).unwrap()).unwrap(), value);
    }
    check::<NumberConfig>("number-15550100100");
    check::<AgentConfig>("agent-reception");
    check::<Voice>("voice-amy");
}

#[test]
fn a_number_is_refused_by_the_field_that_is_wrong() {
    let check = |pointer, value, field| {
        assert_eq!(refused::<NumberConfig>(seed("number-15550100100"), pointer, value), field);
    };
    let legacy = json!([{"road": "legacy", "percent": 10}, {"road": "sip", "percent": 90}]);
    check("/number", json!("15550100100"), "number");
    check("/number", Value::Null, "number");
    check("/agent", json!("front desk"), "agent");
    check("/agent", json!(7), "agent");
    check("/colour", json!("red"), "colour");
    check("/roads", json!([{"road": "sip", "percent": 50}]), "roads");
    check("/roads", json!([{"road": "sip", "percent": 0}]), "roads[0].percent");
    check("/roads", json!([{"road": "sip", "percent": 50}, {"road": "sip", "percent": 50}]), "roads[1].road");
    check("/roads", json!([{"road": "carrier pigeon", "percent": 100}]), "roads[0].road");
    check("/roads", json!([{"road": "sip", "percent": 300}]), "roads[0].percent");
    check("/roads", legacy, "legacy_sip_uri");
    check("/use_livekit", json!(false), "legacy_sip_uri");
    check("/use_livekit", json!("no"), "use_livekit");
    check("/legacy_sip_uri", json!("https://a.example"), "legacy_sip_uri");
    check("/legacy_sip_uri", json!("sip:a b@c"), "legacy_sip_uri");
    check("/legacy_sip_uri", json!("sip:a@c.example"), "accepted");
    check("/limits", json!({"per_minute": 0}), "limits.per_minute");
    check("/limits", json!({"per_caller_per_minute": 1001}), "limits.per_caller_per_minute");
    check("/limits", json!({"ring_timeout_s": 4}), "limits.ring_timeout_s");
    check("/limits", json!({"max_duration_s": 14_401}), "limits.max_duration_s");
    check("/limits", json!({"voicemail_max_s": -5}), "limits.voicemail_max_s");
    check("/voicemail_greeting", json!(" "), "voicemail_greeting");
    check("/busy_text", json!("x".repeat(501)), "busy_text");
    check("/busy_text", json!("a\u{7}b"), "busy_text");
}

#[test]
fn an_agent_is_refused_by_the_field_that_is_wrong() {
    let check = |pointer, value, field| {
        assert_eq!(refused::<AgentConfig>(seed("agent-reception"), pointer, value), field);
    };
    let tool = |name: &str, url: &str| json!({"name": name, "description": "looks up", "parameters": {"type": "object"}, "url": url, "class": "read"});
    let good = tool("find", "https://a.example/find");
    check("/id", json!(""), "id");
    check("/prompt", json!(""), "prompt");
    check("/prompt", json!("x".repeat(100_001)), "prompt");
    check("/greeting", json!("x".repeat(2001)), "greeting");
    check("/greeting", json!(""), "accepted");
    check("/language", json!("en US"), "language");
    check("/limits/max_duration_s", json!(9), "limits.max_duration_s");
    check("/limits/max_turns", json!(0), "limits.max_turns");
    check("/limits/max_reply_tokens", json!("many"), "limits.max_reply_tokens");
    check("/turns/vad_activation", json!("high"), "turns.vad_activation");
    check("/turns/vad_speed", json!(1), "turns.vad_speed");
    check("/turns/watchdog", json!([{"after_ms": 1, "action": "sing"}]), "turns.watchdog[0].action");
    check("/turns/vad_activation", json!(7), "turns.vad_activation");
    check("/vendors/stt", json!([]), "vendors.stt");
    check("/vendors/llm", json!([{"vendor": "openai", "model": ""}]), "vendors.llm[0].model");
    check("/vendors/tts", json!([{"model": "m"}]), "vendors.tts[0].vendor");
    check("/vendors/tts", json!([{"vendor": "", "model": "m"}]), "vendors.tts[0].vendor");
    check("/vendors/tts", json!([{"vendor": "anthropic", "model": "m"}]), "vendors.tts[0].vendor");
    check("/vendors/stt", json!([{"vendor": "deepgram-flux", "model": "m"}]), "accepted");
    check("/vendors/s2s", json!([{"vendor": "deepgram", "model": "m"}]), "vendors.s2s[0].vendor");
    check("/tools", json!([good]), "accepted");
    check("/tools", json!([good, good]), "tools[1].name");
    check("/tools", json!([tool("find it", "https://a.example")]), "tools[0].name");
    check("/tools", json!([tool("find", "http://a.example")]), "tools[0].url");
    check("/transfer_targets", json!({"desk": "123"}), "transfer_targets.desk");
}

#[test]
fn turn_taking_is_refused_by_the_field_that_is_wrong() {
    let check = |turns, field: &str| {
        let field = if field == "accepted" { field.to_owned() } else { format!("turns.{field}") };
        assert_eq!(refused::<AgentConfig>(seed("agent-reception"), "/turns", turns), field);
    };
    check(json!({"vad_activation": 0.7, "vad_min_silence_ms": 400}), "accepted");
    check(json!({"vad_deactivation": 0.6}), "vad_deactivation");
    check(json!({"vad_activation": 0.7, "vad_deactivation": 0.6}), "accepted");
    check(json!({"vad_min_silence_ms": 49}), "vad_min_silence_ms");
    check(json!({"endpointing_max_delay_ms": 599}), "endpointing_max_delay_ms");
    check(json!({"endpointing_min_delay_ms": 0, "endpointing_max_delay_ms": 599}), "accepted");
    check(json!({"endpointing_min_delay_ms": 9000}), "accepted");
    check(json!({"endpointing_turn_model_threshold": -0.1}), "endpointing_turn_model_threshold");
    check(json!({"interruption_min_words": 21}), "interruption_min_words");
    check(json!({"false_interruption_timeout_ms": 99}), "false_interruption_timeout_ms");
    check(json!({"backchannel_words": ["mhm", " "]}), "backchannel_words[1]");
    check(json!({"silence_prompts": [{"after_ms": 999, "say": "Hello?"}]}), "silence_prompts[0].after_ms");
    check(json!({"silence_prompts": [{"after_ms": 1000, "say": ""}]}), "silence_prompts[0].say");
    check(json!({"max_silence_ms": 0}), "max_silence_ms");
    check(json!({"max_tool_steps": 0}), "max_tool_steps");
    let step = |after_ms: u32, action: &str| json!({"after_ms": after_ms, "action": action});
    check(json!({"watchdog": []}), "accepted");
    check(json!({"watchdog": [step(400, "filler")]}), "watchdog[0].after_ms");
    check(json!({"watchdog": [step(12_000, "filler")]}), "watchdog[0].after_ms");
    check(json!({"watchdog": [step(10_000, "hang_up")]}), "watchdog[0].after_ms");
    check(json!({"watchdog": [step(3000, "filler"), step(3000, "fallback")]}), "watchdog[0].after_ms");
    check(json!({"watchdog": [step(3000, "fallback"), step(9000, "filler")]}), "watchdog[1].action");
    check(json!({"watchdog": [step(20_000, "transfer"), step(30_000, "hang_up")]}), "watchdog[1].action");
    let steps = json!([step(2000, "filler"), step(4000, "fallback"), step(9000, "transfer")]);
    check(json!({"watchdog": steps}), "accepted");
}

#[test]
fn options_of_vendors_are_refused_by_the_field_that_is_wrong() {
    let check = |kind: &str, vendor: &str, options: Value, field: &str| {
        let choice = json!({"vendor": vendor, "model": "m", "options": options});
        let field = match field {
            "accepted" => field.to_owned(),
            _ => format!("vendors.{kind}[0].options.{field}"),
        };
        let at = format!("/vendors/{kind}");
        assert_eq!(refused::<AgentConfig>(seed("agent-reception"), &at, json!([choice])), field);
    };
    let stt = json!({"endpointing_ms": 300, "keyterms": ["pizza"], "eager_threshold": 0.4, "tag": "x"});
    check("stt", "deepgram_flux", stt, "accepted");
    check("stt", "deepgram", json!({"endpointing_ms": "soon"}), "endpointing_ms");
    check("stt", "deepgram", json!({"endpointing_ms": -1}), "endpointing_ms");
    check("stt", "deepgram", json!({"keyterms": "pizza"}), "keyterms");
    check("stt", "assemblyai", json!({"end_of_turn_threshold": 40}), "end_of_turn_threshold");
    check("stt", "assemblyai", json!({"end_of_turn_timeout_ms": 1.5}), "end_of_turn_timeout_ms");
    check("llm", "openai", json!({"base_url": "http://vllm:8000/v1", "temperature": 0.2}), "accepted");
    check("llm", "openai", json!({"temperature": "hot"}), "temperature");
    check("llm", "openai", json!({"max_tokens": 0}), "max_tokens");
    check("llm", "openai", json!({"reasoning_effort": 0}), "reasoning_effort");
    for url in ["", "vllm:8000", "ftp://vllm", "https://", "https://v llm"] {
        check("llm", "openai", json!({ "base_url": url }), "base_url");
    }
    check("tts", "openai", json!({"voice": "any", "speed": 1.1}), "accepted");
    check("tts", "openai", json!({"voice": 3}), "voice");
    check("tts", "elevenlabs", json!({"use_speaker_boost": "yes"}), "use_speaker_boost");
    check("s2s", "openai", json!({"voice": "any", "threshold": 0.7, "silence_ms": 400}), "accepted");
    check("s2s", "openai", json!({"threshold": 70}), "threshold");
    check("s2s", "openai", json!({"silence_ms": null}), "silence_ms");
    check("s2s", "openai", json!({"turn_detection": "semantic_vad", "eagerness": "low"}), "accepted");
    check("s2s", "openai", json!({"turn_detection": "none"}), "turn_detection");
    check("s2s", "openai", json!({"eagerness": "very"}), "eagerness");
}

#[test]
fn an_agent_with_speech_to_speech_needs_no_other_vendor() {
    let vendors = json!({"s2s": [{"vendor": "openai", "model": "realtime"}]});
    assert_eq!(refused::<AgentConfig>(seed("agent-reception"), "/vendors", vendors), "accepted");
}

#[test]
fn a_voice_is_refused_by_the_field_that_is_wrong() {
    let check =
        |pointer, value, field| assert_eq!(refused::<Voice>(seed("voice-amy"), pointer, value), field);
    check("/stability", json!(1.1), "stability");
    check("/similarity_boost", json!(-0.1), "similarity_boost");
    check("/style", json!("much"), "style");
    check("/speed", json!(2), "speed");
    check("/vendor", json!(""), "vendor");
    check("/vendor", json!("elevenlab"), "vendor");
    check("/vendor", json!("deepgram"), "accepted");
    check("/vendor_voice_id", json!("a/../b"), "vendor_voice_id");
}

#[test]
fn a_user_needs_a_name() {
    assert!(User::from_json(r#"{"id": "u1", "name": "Ann"}"#).is_ok());
    assert_eq!(User::from_json(r#"{"id": "u1", "name": " "}"#).unwrap_err().field, "name");
    assert_eq!(User::from_json(r#"{"id": "u1", "name": "Ann"} x"#).unwrap_err().field, "JSON");
}

#[test]
fn calls_are_spread_over_the_roads_by_percentage_and_keep_theirs() {
    let mut number = NumberConfig::new(E164::new("+15550100100").unwrap(), "reception".parse().unwrap());
    number.legacy_sip_uri = Some("sip:old@pbx.example".to_owned());
    number.roads = serde_json::from_value(json!([
        {"road": "legacy", "percent": 20},
        {"road": "media-streams", "percent": 30},
        {"road": "sip", "percent": 50},
    ]))
    .unwrap();
    let calls: Vec<CallId> = (0..10_000).map(|i| CallId::new(format!("CA{i:032x}")).unwrap()).collect();
    for (road, percent) in [(Road::Legacy, 20), (Road::MediaStreams, 30), (Road::Sip, 50)] {
        let share = calls.iter().filter(|call| number.road_for(call) == road).count();
        assert!((percent * 100 - 200..=percent * 100 + 200).contains(&share), "{road}: {share}");
    }
    assert!(calls.iter().all(|call| number.road_for(call) == number.clone().road_for(call)));
    number.use_livekit = false;
    assert!(calls.iter().all(|call| number.road_for(call) == Road::Legacy));
}
