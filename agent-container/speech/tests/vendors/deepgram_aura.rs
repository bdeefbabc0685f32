//! Deepgram Aura.

use std::time::Duration;

use serde_json::json;
use speech::{
    ContextId, FaultKind, Tts, TtsConfig, TtsEvent, TtsSocket, TtsVendor, VoiceSettings, WsMessage,
};

use crate::{endpoint, json, text};

const ONE: ContextId = ContextId(1);
const TWO: ContextId = ContextId(2);

fn session() -> TtsSocket {
    let config = TtsConfig {
        vendor: TtsVendor::Deepgram,
        endpoint: endpoint(),
        model: "aura".into(),
        voice: String::new(),
        language: None,
        sample_rate: 16_000,
        settings: VoiceSettings::default(),
        extra: Vec::new(),
    };
    match Tts::new(config) {
        Tts::Socket(session) => session,
        Tts::Http(voice) => panic!("not a socket: {voice:?}"),
    }
}

fn hear(session: &mut TtsSocket, message: WsMessage) -> Vec<TtsEvent> {
    let events = session.decode(message).unwrap();
    events.into_iter().filter(|event| !matches!(event, TtsEvent::Ignored(_))).collect()
}

fn samples(n: i16) -> WsMessage {
    WsMessage::Binary(n.to_le_bytes().to_vec())
}

fn flushed() -> WsMessage {
    text(r#"{"type":"Flushed","sequence_id":0}"#)
}

fn cleared() -> WsMessage {
    text(r#"{"type":"Cleared","sequence_id":0}"#)
}

fn audio(context: ContextId, n: i16) -> TtsEvent {
    TtsEvent::Audio { context, sample_rate: 16_000, samples: vec![n] }
}

fn spoken(session: &mut TtsSocket, context: ContextId) {
    session.open(context).unwrap();
    session.text(context, "Hello.");
    session.finish(context);
}

#[test]
fn the_model_names_the_voice() {
    assert_eq!(
        session().connect().url,
        "ws://127.0.0.1:8000/v1/speak?model=aura&encoding=linear16&sample_rate=16000"
    );
}

#[test]
fn an_utterance_is_spoken_flushed_and_done() {
    let mut session = session();
    assert_eq!(session.open(ONE), Some(vec![]));
    assert_eq!(json(&session.text(ONE, "Hello.")), [json!({"type": "Speak", "text": "Hello."})]);
    assert_eq!(json(&session.flush(ONE, Duration::ZERO)), [json!({"type": "Flush"})]);
    assert!(
        session.flush(ONE, Duration::ZERO).is_empty(),
        "nothing to flush costs of the 20 flushes a minute"
    );
    session.text(ONE, "Bye.");
    assert_eq!(json(&session.finish(ONE)), [json!({"type": "Flush"})]);
    assert_eq!(hear(&mut session, samples(1)), [audio(ONE, 1)]);
    assert_eq!(hear(&mut session, flushed()), [TtsEvent::Flushed { context: ONE }]);
    assert_eq!(hear(&mut session, samples(2)), [audio(ONE, 2)]);
    assert_eq!(
        hear(&mut session, flushed()),
        [TtsEvent::Flushed { context: ONE }, TtsEvent::Done { context: ONE }]
    );
    assert_eq!(hear(&mut session, samples(3)), []);
}

#[test]
fn an_utterance_without_words_is_done_too() {
    let mut session = session();
    session.open(ONE).unwrap();
    assert_eq!(json(&session.finish(ONE)), [json!({"type": "Flush"})]);
    assert_eq!(hear(&mut session, flushed()).last(), Some(&TtsEvent::Done { context: ONE }));
}

#[test]
fn clauses_leave_room_in_the_minute_for_the_begin_and_the_end_of_utterances() {
    let mut session = session();
    // A long reply from a second on, a clause each second: how many flushes the clauses and the end cost.
    let mut reply = |id: u64, from: u64| {
        let context = ContextId(id);
        session.open(context).unwrap();
        let mut flushes = 0;
        for second in from..from + 30 {
            session.text(context, "and then");
            flushes += session.flush(context, Duration::from_secs(second)).len();
        }
        let end = session.finish(context).len();
        for _ in 0..flushes + end {
            hear(&mut session, flushed());
        }
        (flushes, end)
    };
    assert_eq!(reply(1, 0), (12, 1));
    assert_eq!(reply(2, 30), (1, 1), "its first clause is spoken at once");
    assert_eq!(reply(3, 300), (12, 1));
}

#[test]
fn unfinished_utterances_are_not_mixed() {
    let mut session = session();
    session.open(ONE).unwrap();
    assert_eq!(session.open(TWO), None);
    session.finish(ONE);
    assert!(session.open(TWO).is_some());
}

#[test]
fn after_a_barge_in_nothing_old_is_heard() {
    let mut session = session();
    spoken(&mut session, ONE);
    assert_eq!(json(&session.cancel(ONE)), [json!({"type": "Clear"})]);
    spoken(&mut session, TWO);
    assert_eq!(hear(&mut session, samples(1)), [], "on its way before the clear");
    assert_eq!(hear(&mut session, flushed()), [], "on its way before the clear");
    assert_eq!(hear(&mut session, cleared()), []);
    assert_eq!(hear(&mut session, samples(2)), [audio(TWO, 2)]);
    assert_eq!(hear(&mut session, flushed()).last(), Some(&TtsEvent::Done { context: TWO }));
}

#[test]
fn what_a_clear_takes_along_is_reported_lost() {
    let mut session = session();
    spoken(&mut session, ONE);
    spoken(&mut session, TWO);
    session.cancel(ONE);
    let lost = hear(&mut session, cleared());
    assert!(matches!(lost[..], [TtsEvent::Lost { context: TWO, .. }]), "{lost:?}");
}

#[test]
fn cancelling_a_later_utterance_spares_the_one_being_spoken() {
    let mut session = session();
    spoken(&mut session, ONE);
    spoken(&mut session, TWO);
    assert!(session.cancel(TWO).is_empty());
    assert_eq!(hear(&mut session, samples(1)), [audio(ONE, 1)]);
    assert_eq!(hear(&mut session, flushed()).last(), Some(&TtsEvent::Done { context: ONE }));
    assert_eq!(hear(&mut session, samples(2)), []);
    assert_eq!(hear(&mut session, flushed()), []);
}

#[test]
fn long_texts_are_cut_between_words() {
    let mut session = session();
    session.open(ONE).unwrap();
    let long = "wörd ".repeat(900);
    let pieces = json(&session.text(ONE, &long));
    assert!(pieces.iter().all(|piece| piece["text"].as_str().unwrap().chars().count() <= 2000));
    let together: String = pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect();
    assert_eq!((pieces.len(), together), (3, long));
}

#[test]
fn closes_are_faults() {
    for (code, reason, kind) in [
        (1008, "DATA-0001", FaultKind::RateLimited),
        (1009, "BIG-0000", FaultKind::Refused),
        (1011, "NET-0000", FaultKind::Disconnected),
    ] {
        let close = WsMessage::Close { code, reason: reason.into() };
        assert_eq!(session().decode(close).unwrap_err().kind, kind, "{code}");
    }
}
