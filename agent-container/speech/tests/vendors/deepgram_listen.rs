//! Deepgram `/v1/listen`.

use serde_json::json;
use speech::{FaultKind, Stt, SttConfig, SttEvent, SttOptions, SttSocket, SttVendor, Transcript, WsMessage};

use crate::{endpoint, json, text};

fn config() -> SttConfig {
    SttConfig {
        vendor: SttVendor::Deepgram,
        endpoint: endpoint(),
        model: "nova-9".into(),
        language: Some("en-US".into()),
        sample_rate: 16_000,
        options: SttOptions::default(),
    }
}

fn session(config: SttConfig) -> SttSocket {
    match Stt::new(config) {
        Stt::Socket(session) => session,
        other => panic!("not a socket: {other:?}"),
    }
}

fn results(start: f64, duration: f64, words: &str, flags: &[&str]) -> WsMessage {
    let has = |flag| flags.contains(&flag);
    text(
        &json!({"type": "Results", "channel_index": [0, 1], "start": start, "duration": duration,
            "is_final": has("final"), "speech_final": has("speech_final"), "from_finalize": has("from_finalize"),
            "channel": {"alternatives": [{"transcript": words, "confidence": 0.5, "words": []}]}})
        .to_string(),
    )
}

fn said(words: &str, start_ms: u64, end_ms: u64) -> Transcript {
    Transcript { text: words.into(), start_ms, end_ms, confidence: 0.5, language: None }
}

fn check(messages: &[(WsMessage, &[SttEvent])]) {
    let mut session = session(config());
    for (message, expected) in messages {
        let got = session.decode(message.clone()).unwrap();
        let got: Vec<_> = got.into_iter().filter(|event| !matches!(event, SttEvent::Ignored(_))).collect();
        assert_eq!(&got, expected, "{message:?}");
    }
}

#[test]
fn the_socket_asks_for_what_a_telephone_needs() {
    let request = session(config()).connect();
    assert_eq!(
        request.url,
        "ws://127.0.0.1:8000/v1/listen?model=nova-9&language=en-US&encoding=linear16&sample_rate=16000&channels=1\
         &interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true&smart_format=true&no_delay=true"
    );
    assert_eq!(request.headers[0].name, "authorization");
    assert_eq!(request.headers[0].value, "Token k3y");
    assert!(!format!("{request:?}").contains("k3y"), "the key is printed");
}

#[test]
fn configuration_reaches_the_query() {
    let mut config = config();
    config.language = None;
    config.options.endpointing_ms = Some(25);
    config.options.keyterms = vec!["Café Müller".into(), "pizza".into()];
    config.options.extra = vec![("smart_format".into(), "false".into()), ("tag".into(), "a&b".into())];
    let url = session(config).connect().url;
    assert!(!url.contains("language="), "{url}");
    assert!(!url.contains("smart_format=true"), "{url}");
    let rest = "endpointing=25&utterance_end_ms=1000&vad_events=true&no_delay=true&keyterm=Caf%C3%A9%20M%C3%BCller\
                &keyterm=pizza&smart_format=false&tag=a%26b";
    assert!(url.ends_with(rest), "{url}");
}

#[test]
fn audio_is_little_endian_and_never_empty() {
    let mut session = session(config());
    assert_eq!(session.audio(&[]), None);
    assert_eq!(session.audio(&[1, -2]), None);
    let finalize = WsMessage::Text(r#"{"type":"Finalize"}"#.to_owned());
    assert_eq!(session.finalize(), [WsMessage::Binary(vec![1, 0, 0xfe, 0xff]), finalize]);
    assert_eq!(session.audio(&[7; 1279]), None);
    assert_eq!(session.audio(&[7]), Some(WsMessage::Binary([7, 0].repeat(1280))));
}

#[test]
fn a_socket_kept_alive_before_any_audio_is_primed_with_silence_once() {
    let mut session = session(config());
    let first = session.keep_alive();
    assert_eq!(first[0], WsMessage::Binary(vec![0; 640]));
    assert_eq!(json(&first[1..]), [json!({"type": "KeepAlive"})]);
    assert_eq!(json(&session.keep_alive()), [json!({"type": "KeepAlive"})]);
}

#[test]
fn finals_add_up_and_interims_preview_the_rest() {
    check(&[
        (
            results(0.0, 4.3, "tell me more about", &[]),
            &[SttEvent::Interim(said("tell me more about", 0, 4300))],
        ),
        // The final is shorter than the interim before it.
        (results(0.0, 3.26, "Tell me more", &["final"]), &[SttEvent::Final(said("Tell me more", 0, 3260))]),
        (results(3.26, 1.84, "about this", &[]), &[SttEvent::Interim(said("about this", 3260, 5100))]),
        (
            results(3.26, 2.24, "about this.", &["final", "speech_final"]),
            &[SttEvent::Final(said("about this.", 3260, 5500)), SttEvent::EndOfSpeech { at_ms: Some(5500) }],
        ),
    ]);
}

#[test]
fn words_place_a_transcript_better_than_its_stretch() {
    let message = r#"{"type":"Results","start":5.99,"duration":1.98,"is_final":true,"speech_final":false,
        "channel":{"alternatives":[{"transcript":"Tell me","confidence":0.5,"languages":["en"],"words":[
        {"word":"tell","start":6.07,"end":6.35},{"word":"me","start":6.35,"end":6.6}]}]}}"#;
    let transcript = Transcript { language: Some("en".into()), ..said("Tell me", 6070, 6600) };
    check(&[(text(message), &[SttEvent::Final(transcript)])]);
}

#[test]
fn an_answer_to_finalize_is_told_even_without_words() {
    check(&[
        (
            results(0.0, 1.0, "Yes.", &["final", "from_finalize"]),
            &[SttEvent::Final(said("Yes.", 0, 1000)), SttEvent::Flushed],
        ),
        (results(1.0, 1.0, "", &["final", "from_finalize", "speech_final"]), &[SttEvent::Flushed]),
    ]);
}

#[test]
fn settled_words_are_not_told_twice() {
    check(&[
        (results(0.0, 2.0, "Hello there", &["final"]), &[SttEvent::Final(said("Hello there", 0, 2000))]),
        (results(0.0, 2.0, "Hello there", &["final"]), &[]),
        (results(0.0, 1.8, "hello ther", &[]), &[]),
        (results(2.0, 0.5, "friend", &[]), &[SttEvent::Interim(said("friend", 2000, 2500))]),
    ]);
}

#[test]
fn empty_finals_and_interims_are_no_words() {
    check(&[(results(0.0, 5.0, "", &["final"]), &[]), (results(5.0, 1.0, "  ", &[]), &[])]);
}

#[test]
fn vad_messages_are_events() {
    check(&[
        (
            text(r#"{"type":"SpeechStarted","channel":[0,1],"timestamp":9.54}"#),
            &[SttEvent::SpeechStarted { at_ms: 9540 }],
        ),
        (
            text(r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.395}"#),
            &[SttEvent::EndOfSpeech { at_ms: Some(2395) }],
        ),
        (
            text(r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":-1}"#),
            &[SttEvent::EndOfSpeech { at_ms: None }],
        ),
    ]);
}

#[test]
fn closing_is_asked_for_or_a_fault() {
    let close = |code, reason: &str| WsMessage::Close { code, reason: reason.into() };
    let cases = [
        (1011, "NET-0001", FaultKind::Disconnected),
        (1008, "DATA-0000", FaultKind::Refused),
        (1006, "", FaultKind::Disconnected),
        (1000, "", FaultKind::Disconnected),
    ];
    for (code, reason, kind) in cases {
        let fault = session(config()).decode(close(code, reason)).unwrap_err();
        assert_eq!(fault.kind, kind, "{code}");
    }
    let mut session = session(config());
    assert_eq!(json(&session.close()), [json!({"type": "CloseStream"})]);
    assert_eq!(session.decode(close(1000, "")).unwrap(), [SttEvent::Closed]);
}

#[test]
fn finalize_is_a_text_message() {
    assert_eq!(json(&session(config()).finalize()), [json!({"type": "Finalize"})]);
}
