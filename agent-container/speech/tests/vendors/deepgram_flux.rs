//! Deepgram Flux.

use serde_json::{Value, json};
use speech::{FaultKind, Stt, SttConfig, SttEvent, SttOptions, SttSocket, SttVendor, Transcript, WsMessage};

use crate::{endpoint, json, text};

fn session(options: SttOptions) -> SttSocket {
    let config = SttConfig {
        vendor: SttVendor::DeepgramFlux,
        endpoint: endpoint(),
        model: "flux".into(),
        language: None,
        sample_rate: 16_000,
        options,
    };
    match Stt::new(config) {
        Stt::Socket(session) => session,
        Stt::File(session) => panic!("not a socket: {session:?}"),
    }
}

fn turn(event: &str, index: u64, words: &str) -> Value {
    json!({"type": "TurnInfo", "request_id": "r", "sequence_id": 1, "event": event, "turn_index": index,
        "audio_window_start": 0.3, "audio_window_end": 1.28, "transcript": words, "end_of_turn_confidence": 0.8,
        "words": [{"word": "hi", "confidence": 0.5, "start": 0.4, "end": 0.6}, {"word": "there"}]})
}

fn said(words: &str) -> Transcript {
    Transcript { text: words.into(), start_ms: 400, end_ms: 1280, confidence: 0.5, language: None }
}

fn check(messages: &[(Value, &[SttEvent])]) {
    let mut session = session(SttOptions::default());
    for (message, expected) in messages {
        let got = session.decode(text(&message.to_string())).unwrap();
        let got: Vec<_> = got.into_iter().filter(|event| !matches!(event, SttEvent::Ignored(_))).collect();
        assert_eq!(&got, expected, "{message}");
    }
}

#[test]
fn thresholds_reach_the_query_and_nothing_of_v1_does() {
    let options = SttOptions {
        end_of_turn_threshold: Some(0.7),
        eager_threshold: Some(0.4),
        end_of_turn_timeout_ms: Some(4000),
        keyterms: vec!["a b".into()],
        endpointing_ms: Some(300),
        ..Default::default()
    };
    assert_eq!(
        session(options).connect().url,
        "ws://127.0.0.1:8000/v2/listen?model=flux&encoding=linear16&sample_rate=16000&eot_threshold=0.7\
         &eager_eot_threshold=0.4&eot_timeout_ms=4000&keyterm=a%20b"
    );
}

#[test]
fn only_a_model_of_many_languages_is_given_a_hint() {
    let hinted = |model: &str| {
        let config = SttConfig {
            vendor: SttVendor::DeepgramFlux,
            endpoint: endpoint(),
            model: model.into(),
            language: Some("de-DE".into()),
            sample_rate: 16_000,
            options: SttOptions::default(),
        };
        let Stt::Socket(session) = Stt::new(config) else { panic!("not a socket") };
        session.connect().url.contains("&language_hint=de-DE")
    };
    assert_eq!((hinted("any-multi"), hinted("any-en")), (true, false));
}

#[test]
fn audio_is_gathered_to_80_ms_and_silence_is_injected_instead_of_keep_alive() {
    let mut session = session(SttOptions::default());
    let sent: Vec<_> = (0..4).filter_map(|_| session.audio(&[1; 320])).collect();
    assert_eq!(sent.len(), 1);
    assert!(matches!(&sent[0], WsMessage::Binary(bytes) if bytes.len() == 4 * 640));
    assert_eq!(session.keep_alive(), [WsMessage::Binary(vec![0; 16_000])]);
    session.audio(&[1; 320]);
    let forced = session.finalize();
    assert_eq!(forced[0], WsMessage::Binary([1, 0].repeat(320)));
    assert_eq!(json(&forced[1..]), [json!({"type": "ForceEndTurn"})]);
}

#[test]
fn a_turn_is_previewed_resumed_and_settled_once() {
    let end = [
        SttEvent::Final(said("Hi there.")),
        SttEvent::EndOfSpeech { at_ms: Some(1280) },
        SttEvent::EndOfTurn { confidence: 0.8 },
    ];
    check(&[
        (
            json!({"type": "Connected", "request_id": "r", "sequence_id": 0}),
            &[SttEvent::Ready { request_id: "r".into() }],
        ),
        (turn("StartOfTurn", 0, ""), &[SttEvent::SpeechStarted { at_ms: 300 }]),
        (turn("Update", 0, "Hi"), &[SttEvent::Interim(said("Hi"))]),
        (turn("EagerEndOfTurn", 0, "Hi."), &[SttEvent::EagerEndOfTurn(said("Hi."))]),
        (turn("TurnResumed", 0, "Hi."), &[SttEvent::TurnResumed]),
        (turn("EagerEndOfTurn", 0, "Hi there."), &[SttEvent::EagerEndOfTurn(said("Hi there."))]),
        (turn("EndOfTurn", 0, "Hi there."), &end),
        // Out of order: about a turn that is over.
        (turn("Update", 0, "Hi there"), &[]),
        (turn("EndOfTurn", 0, "Hi there."), &[]),
        (
            turn("StartOfTurn", 1, "Yes"),
            &[SttEvent::SpeechStarted { at_ms: 300 }, SttEvent::Interim(said("Yes"))],
        ),
        (turn("SomethingNew", 1, "Yes"), &[]),
    ]);
}

#[test]
fn a_forced_end_is_the_answer_to_finalize() {
    let mut message = turn("EndOfTurn", 0, "Hi.");
    message["trigger"] = "manual".into();
    let end = [
        SttEvent::Final(said("Hi.")),
        SttEvent::EndOfSpeech { at_ms: Some(1280) },
        SttEvent::EndOfTurn { confidence: 0.8 },
        SttEvent::Flushed,
    ];
    check(&[(message, &end)]);
}

#[test]
fn errors_are_faults() {
    let error =
        json!({"type": "Error", "sequence_id": 9, "code": "INTERNAL_SERVER_ERROR", "description": "…"});
    let fault = session(SttOptions::default()).decode(text(&error.to_string())).unwrap_err();
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Unavailable, "INTERNAL_SERVER_ERROR"));
}
