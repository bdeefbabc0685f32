//! AssemblyAI streaming v3.

use serde_json::{Value, json};
use speech::{FaultKind, Stt, SttConfig, SttEvent, SttOptions, SttSocket, SttVendor, Transcript, WsMessage};

use crate::{endpoint, json, text};

fn session() -> SttSocket {
    let options = SttOptions {
        endpointing_ms: Some(300),
        end_of_turn_timeout_ms: Some(1500),
        keyterms: vec!["pizza".into()],
        ..Default::default()
    };
    let config = SttConfig {
        vendor: SttVendor::AssemblyAi,
        endpoint: endpoint(),
        model: "universal".into(),
        language: None,
        sample_rate: 16_000,
        options,
    };
    match Stt::new(config) {
        Stt::Socket(session) => session,
        Stt::File(session) => panic!("not a socket: {session:?}"),
    }
}

/// Words with whether each is settled; `transcript` holds the settled ones.
fn turn(order: u64, end: bool, utterance: &str, words: &[(&str, bool)]) -> Value {
    let settled: Vec<_> = words.iter().filter(|(_, settled)| *settled).map(|(text, _)| *text).collect();
    let words = words.iter().enumerate().map(|(n, (text, settled))| {
        json!({"start": n * 400, "end": n * 400 + 300, "text": text, "confidence": 0.5, "word_is_final": settled})
    });
    json!({"type": "Turn", "turn_order": order, "turn_is_formatted": false, "end_of_turn": end,
        "transcript": settled.join(" "), "utterance": utterance, "end_of_turn_confidence": 0.9,
        "words": words.collect::<Vec<_>>()})
}

fn said(words: &str, end_ms: u64) -> Transcript {
    Transcript { text: words.into(), start_ms: 0, end_ms, confidence: 0.5, language: None }
}

fn check(messages: &[(Value, &[SttEvent])]) {
    let mut session = session();
    for (message, expected) in messages {
        let got = session.decode(text(&message.to_string())).unwrap();
        let got: Vec<_> = got.into_iter().filter(|event| !matches!(event, SttEvent::Ignored(_))).collect();
        assert_eq!(&got, expected, "{message}");
    }
}

/// A session the vendor accepted.
fn begun() -> SttSocket {
    let mut session = session();
    session.decode(text("{\"type\":\"Begin\",\"id\":\"s\"}")).unwrap();
    session
}

#[test]
fn the_language_is_named_without_its_country() {
    let config = SttConfig {
        vendor: SttVendor::AssemblyAi,
        endpoint: endpoint(),
        model: "universal".into(),
        language: Some("en-US".into()),
        sample_rate: 16_000,
        options: SttOptions::default(),
    };
    let Stt::Socket(session) = Stt::new(config) else { panic!("not a socket") };
    assert!(session.connect().url.ends_with("&language_codes=%5B%22en%22%5D"), "{}", session.connect().url);
}

/// What is sent of audio that has to be sent again, given before the vendor said that it is there.
fn sent_again(audio: &[i16]) -> (SttSocket, Vec<u8>) {
    let mut session = session();
    assert_eq!(audio.chunks(1600).filter_map(|piece| session.audio(piece)).count(), 0);
    session.decode(text("{\"type\":\"Begin\",\"id\":\"s\"}")).unwrap();
    let sent = (0..4).filter_map(|_| session.audio(&[])).flat_map(|message| match message {
        WsMessage::Binary(bytes) => bytes,
        other => panic!("no audio: {other:?}"),
    });
    let sent = sent.collect();
    (session, sent)
}

#[test]
fn after_a_reconnect_no_more_is_sent_than_the_vendor_takes_at_once() {
    let stretch = |ms: usize, level: i16| vec![level; ms * 16];
    // Ten seconds of speech: the last of it.
    let (mut session, sent) = sent_again(&stretch(10_000, 5000));
    assert_eq!(sent.len(), 2500 * 32);
    let heard = session.decode(text(&turn(0, true, "", &[("hi", true)]).to_string())).unwrap();
    let SttEvent::Final(words) = &heard[0] else { panic!("{heard:?}") };
    assert_eq!((words.start_ms, words.end_ms), (7500, 7800), "times are those of the audio given");
    assert_eq!(heard[1], SttEvent::EndOfSpeech { at_ms: Some(7800) });
    // Two seconds of speech in ten: all of it, and the silence that ends it.
    let (_, sent) = sent_again(&[stretch(5000, 20), stretch(2000, 5000), stretch(3000, 20)].concat());
    assert_eq!(sent.len(), 2500 * 32);
    assert_eq!(sent[..2000 * 32], 5000_i16.to_le_bytes().repeat(2000 * 16));
    // Little is sent as it is.
    assert_eq!(sent_again(&stretch(2400, 20)).1.len(), 2400 * 32);
}

#[test]
fn the_key_is_sent_without_bearer() {
    let request = session().connect();
    assert_eq!(request.headers[0].value, "k3y");
    assert_eq!(
        request.url,
        "ws://127.0.0.1:8000/v3/ws?sample_rate=16000&encoding=pcm_s16le&speech_model=universal&format_turns=false\
         &min_turn_silence=300&max_turn_silence=1500&keyterms_prompt=%5B%22pizza%22%5D"
    );
}

#[test]
fn chunks_are_never_shorter_than_50_ms_nor_longer_than_a_second() {
    let mut session = begun();
    let lengths: Vec<_> = (0..6).filter_map(|_| session.audio(&[1; 320])).map(|m| samples(&m)).collect();
    assert_eq!(lengths, [960, 960]);
    // After a moment without the processor: five seconds at once.
    let first = session.audio(&vec![1; 80_000]).unwrap();
    assert_eq!(samples(&first), 14_400);
    session.audio(&[1; 320]);
    let rest = session.finalize();
    assert!(
        rest.iter().all(|message| !matches!(message, WsMessage::Binary(_)) || samples(message) <= 16_000)
    );
    session.audio(&[1; 320]);
    let padded = session.finalize();
    assert_eq!(samples(&padded[0]), 960);
    assert_eq!(json(&padded[1..]), [json!({"type": "ForceEndpoint"})]);
}

fn samples(message: &WsMessage) -> usize {
    match message {
        WsMessage::Binary(bytes) => bytes.len() / 2,
        other => panic!("not audio: {other:?}"),
    }
}

#[test]
fn a_turn_ends_once_even_when_it_comes_formatted_too() {
    let end = [
        SttEvent::Final(said("hi there", 700)),
        SttEvent::EndOfSpeech { at_ms: Some(700) },
        SttEvent::EndOfTurn { confidence: 0.9 },
    ];
    check(&[
        (json!({"type": "Begin", "id": "b", "expires_at": 1}), &[SttEvent::Ready { request_id: "b".into() }]),
        (json!({"type": "SpeechStarted", "timestamp": 120}), &[SttEvent::SpeechStarted { at_ms: 120 }]),
        (turn(0, false, "", &[("hi", true), ("the", false)]), &[SttEvent::Interim(said("hi the", 700))]),
        (turn(0, true, "hi there", &[("hi", true), ("there", true)]), &end),
        (turn(0, true, "Hi there.", &[("Hi", true), ("there.", true)]), &[]),
        (turn(0, false, "", &[("hi", true)]), &[]),
        (turn(1, false, "", &[("yes", false)]), &[SttEvent::Interim(said("yes", 300))]),
        (turn(1, false, "", &[]), &[]),
    ]);
}

#[test]
fn an_utterance_is_an_eager_end_until_more_words_come() {
    check(&[
        (
            turn(0, false, "hi", &[("hi", true)]),
            &[SttEvent::Interim(said("hi", 300)), SttEvent::EagerEndOfTurn(said("hi", 300))],
        ),
        (
            turn(0, false, "", &[("hi", true), ("you", false)]),
            &[SttEvent::TurnResumed, SttEvent::Interim(said("hi you", 700))],
        ),
        (turn(0, false, "", &[("hi", true), ("you", false)]), &[SttEvent::Interim(said("hi you", 700))]),
    ]);
}

#[test]
fn closes_and_errors_say_why() {
    for (code, reason, kind) in [
        (1008, "Missing or invalid Authorization header", FaultKind::Credentials),
        (1008, "Too many concurrent sessions", FaultKind::RateLimited),
        (3005, "Server error", FaultKind::Unavailable),
        (3007, "Input duration violation", FaultKind::Refused),
        (3008, "Session expired", FaultKind::Expired),
        (1006, "", FaultKind::Disconnected),
    ] {
        let close = WsMessage::Close { code, reason: reason.into() };
        assert_eq!(session().decode(close).unwrap_err().kind, kind, "{code} {reason}");
        let error = json!({"type": "Error", "error_code": code, "error": reason});
        assert_eq!(session().decode(text(&error.to_string())).unwrap_err().kind, kind, "{code} {reason}");
    }
    let mut asked = session();
    asked.close();
    let last = json!({"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 1});
    assert_eq!(asked.decode(text(&last.to_string())).unwrap(), [SttEvent::Closed]);
    assert_eq!(session().decode(text(&last.to_string())).unwrap_err().kind, FaultKind::Expired);
}
