//! ElevenLabs multi-context WebSocket.

use std::time::Duration;

use serde_json::{Value, json};
use speech::{
    ContextId, FaultKind, SpokenChar, Tts, TtsConfig, TtsEvent, TtsSocket, TtsVendor, VoiceSettings,
    WsMessage,
};

use crate::{endpoint, json, text};

const ONE: ContextId = ContextId(1);

fn config() -> TtsConfig {
    TtsConfig {
        vendor: TtsVendor::ElevenLabs,
        endpoint: endpoint(),
        model: "flash".into(),
        voice: "amy".into(),
        language: None,
        sample_rate: 16_000,
        settings: VoiceSettings::default(),
        extra: Vec::new(),
    }
}

fn session(config: TtsConfig) -> TtsSocket {
    match Tts::new(config) {
        Tts::Socket(session) => session,
        other => panic!("not a socket: {other:?}"),
    }
}

fn opened() -> TtsSocket {
    let mut session = session(config());
    session.open(ONE).unwrap();
    session
}

fn hear(session: &mut TtsSocket, message: Value) -> Vec<TtsEvent> {
    let events = session.decode(text(&message.to_string())).unwrap();
    events.into_iter().filter(|event| !matches!(event, TtsEvent::Ignored(_))).collect()
}

fn audio(samples: &[i16]) -> TtsEvent {
    TtsEvent::Audio { context: ONE, sample_rate: 16_000, samples: samples.to_vec() }
}

#[test]
fn the_socket_names_voice_model_and_format() {
    let mut config = config();
    config.voice = "a/b".into();
    config.language = Some("de".into());
    config.extra = vec![("auto_mode".into(), "false".into())];
    let request = session(config).connect();
    assert_eq!(
        request.url,
        "ws://127.0.0.1:8000/v1/text-to-speech/a%2Fb/multi-stream-input?model_id=flash&output_format=pcm_16000\
         &language_code=de&sync_alignment=true&inactivity_timeout=180&auto_mode=false"
    );
    assert_eq!((request.headers[0].name, request.headers[0].value.as_str()), ("xi-api-key", "k3y"));
}

#[test]
fn an_utterance_is_opened_with_its_settings_then_spoken_then_finished() {
    let mut config = config();
    config.settings =
        VoiceSettings { stability: Some(0.7), use_speaker_boost: Some(true), ..Default::default() };
    let mut session = session(config);
    assert_eq!(
        json(&session.open(ONE).unwrap()),
        [
            json!({"text": " ", "context_id": "s1", "voice_settings": {"stability": 0.7, "use_speaker_boost": true}})
        ]
    );
    assert_eq!(
        json(&session.text(ONE, "Sure, I can help.")),
        [json!({"text": "Sure, I can help. ", "context_id": "s1"})]
    );
    assert_eq!(json(&session.flush(ONE, Duration::ZERO)), [json!({"context_id": "s1", "flush": true})]);
    assert_eq!(
        json(&session.finish(ONE)),
        [json!({"context_id": "s1", "flush": true}), json!({"context_id": "s1", "close_context": true})]
    );
    assert!(session.text(ONE, "too late").is_empty());
    assert!(session.finish(ONE).is_empty());
}

#[test]
fn text_without_words_is_never_sent() {
    let mut session = opened();
    assert!(session.text(ONE, "").is_empty());
    assert!(session.text(ONE, "  ").is_empty());
    assert!(session.text(ContextId(9), "unknown").is_empty());
}

#[test]
fn odd_bytes_wait_for_their_other_half() {
    let mut session = opened();
    // 01 00 02 | 00 03 00
    assert_eq!(hear(&mut session, json!({"audio": "AQAC", "contextId": "s1"})), [audio(&[1])]);
    assert_eq!(hear(&mut session, json!({"audio": "AAMA", "contextId": "s1"})), [audio(&[2, 3])]);
}

#[test]
fn both_spellings_are_understood() {
    for (final_key, context_key, starts, durations) in [
        ("isFinal", "contextId", "charStartTimesMs", "charDurationsMs"),
        ("is_final", "context_id", "charsStartTimesMs", "charsDurationsMs"),
    ] {
        let mut session = opened();
        let message = json!({"audio": "AQA=", final_key: false, context_key: "s1",
            "alignment": {"chars": ["h", "i"], starts: [0, 80], durations: [80, 60]}, "normalizedAlignment": null});
        let aligned =
            |text: &str, start_ms, duration_ms| SpokenChar { text: text.into(), start_ms, duration_ms };
        let chars = vec![aligned("h", 0, 80), aligned("i", 80, 60)];
        assert_eq!(hear(&mut session, message), [TtsEvent::Alignment { context: ONE, chars }, audio(&[1])]);
        let last = json!({final_key: true, context_key: "s1"});
        assert_eq!(hear(&mut session, last), [TtsEvent::Done { context: ONE }]);
    }
}

#[test]
fn times_of_later_chunks_continue_those_before() {
    let mut session = opened();
    let second = "AAAA".repeat(32_000 / 3 + 1);
    hear(&mut session, json!({"audio": &second[..second.len() - second.len() % 4], "contextId": "s1"}));
    let alignment = json!({"chars": ["x"], "charStartTimesMs": [10], "charDurationsMs": [5]});
    let events = hear(&mut session, json!({"audio": null, "contextId": "s1", "alignment": alignment}));
    let chars = vec![SpokenChar { text: "x".into(), start_ms: 1010, duration_ms: 5 }];
    assert_eq!(events, [TtsEvent::Alignment { context: ONE, chars }]);
}

#[test]
fn nothing_of_a_cancelled_utterance_is_heard() {
    let mut session = opened();
    session.text(ONE, "Never mind.");
    assert_eq!(json(&session.cancel(ONE)), [json!({"context_id": "s1", "close_context": true})]);
    assert_eq!(hear(&mut session, json!({"audio": "AQA=", "contextId": "s1"})), []);
    assert_eq!(hear(&mut session, json!({"isFinal": true, "contextId": "s1"})), []);
}

#[test]
fn a_barge_in_after_the_end_of_the_text_silences_what_drains() {
    let mut session = opened();
    session.finish(ONE);
    assert!(session.cancel(ONE).is_empty());
    assert_eq!(hear(&mut session, json!({"audio": "AQA=", "contextId": "s1"})), []);
}

#[test]
fn a_cancelled_context_counts_until_the_vendor_let_it_go() {
    let mut session = session(config());
    for id in 0..4 {
        assert!(session.open(ContextId(id)).is_some(), "{id}");
        session.cancel(ContextId(id));
    }
    assert_eq!(session.open(ContextId(4)), None);
    hear(&mut session, json!({"isFinal": true, "contextId": "s2"}));
    assert!(session.open(ContextId(4)).is_some());
}

#[test]
fn keep_alive_goes_to_open_contexts_or_to_one_of_its_own() {
    let mut session = opened();
    assert_eq!(json(&session.keep_alive()), [json!({"text": "", "context_id": "s1"})]);
    session.finish(ONE);
    assert_eq!(
        json(&session.keep_alive()),
        [json!({"text": " ", "context_id": "keep1"}), json!({"context_id": "keep1", "close_context": true})]
    );
    assert_eq!(hear(&mut session, json!({"isFinal": true, "contextId": "keep1"})), []);
}

#[test]
fn errors_are_faults() {
    for (code, kind) in [
        ("input_timeout_exceeded", FaultKind::TimedOut),
        ("quota_exceeded", FaultKind::Quota),
        ("max_active_conversations", FaultKind::RateLimited),
        ("invalid_input_message", FaultKind::Refused),
        ("detected_unusual_activity", FaultKind::Credentials),
        ("never_heard_of", FaultKind::Unavailable),
    ] {
        let message = json!({"message": "…", "error": code, "code": 1008});
        assert_eq!(opened().decode(text(&message.to_string())).unwrap_err().kind, kind, "{code}");
    }
    let close = WsMessage::Close { code: 1006, reason: String::new() };
    assert_eq!(opened().decode(close.clone()).unwrap_err().kind, FaultKind::Disconnected);
    let mut session = opened();
    session.close();
    assert_eq!(session.decode(close).unwrap(), [TtsEvent::Closed]);
}
