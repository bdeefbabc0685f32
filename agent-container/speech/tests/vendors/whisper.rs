//! OpenAI and Groq transcription.

use serde_json::json;
use speech::{
    Endpoint, FaultKind, Stt, SttConfig, SttEvent, SttFile, SttOptions, SttVendor, Transcript, Utterance,
};

fn session(vendor: SttVendor) -> SttFile {
    let config = SttConfig {
        vendor,
        endpoint: Endpoint::new("http://127.0.0.1:8000", "k3y"),
        model: "whisper".into(),
        language: Some("en-US".into()),
        sample_rate: 16_000,
        options: SttOptions { keyterms: vec!["pizza".into(), "pasta".into()], ..Default::default() },
    };
    match Stt::new(config) {
        Stt::File(session) => session,
        Stt::Socket(session) => panic!("not a file session: {session:?}"),
    }
}

fn utterance(session: &mut SttFile) -> Utterance {
    // A second of silence, then a second of speech.
    session.audio(&[0; 16_000]);
    session.speech_started();
    session.audio(&[7; 16_000]);
    session.speech_ended().unwrap()
}

#[test]
fn an_utterance_becomes_a_form_with_a_little_audio_from_before() {
    let mut session = session(SttVendor::OpenAi);
    let spoken = utterance(&mut session);
    assert_eq!((spoken.start_ms, spoken.end_ms), (600, 2000));
    assert_eq!(spoken.request.url, "http://127.0.0.1:8000/audio/transcriptions");
    let body = String::from_utf8_lossy(&spoken.request.body.0).into_owned();
    for field in [
        "name=\"model\"\r\n\r\nwhisper\r\n",
        "name=\"language\"\r\n\r\nen\r\n",
        "name=\"prompt\"\r\n\r\npizza, pasta\r\n",
    ] {
        assert!(body.contains(field), "{field}");
    }
    let at = spoken.request.body.0.windows(4).position(|window| window == b"RIFF").unwrap();
    let wav = &spoken.request.body.0[at..];
    assert_eq!(wav[24..28], 16_000_u32.to_le_bytes());
    assert_eq!(wav[40..44], (1400_u32 * 32).to_le_bytes());
    let boundary = &spoken.request.headers.iter().find(|h| h.name == "content-type").unwrap().value;
    let boundary = boundary.split_once("boundary=").unwrap().1;
    assert!(body.ends_with(&format!("--{boundary}--\r\n")));
}

#[test]
fn silence_and_clicks_make_no_request() {
    let mut session = session(SttVendor::Groq);
    session.audio(&[0; 16_000]);
    assert_eq!(session.finalize(), None);
    assert_eq!(session.speech_started(), [SttEvent::SpeechStarted { at_ms: 1000 }]);
    assert_eq!(session.speech_started(), []);
    session.audio(&[9; 320]);
    assert_eq!(session.finalize(), None);
}

#[test]
fn a_monologue_keeps_its_last_minute() {
    let mut session = session(SttVendor::Groq);
    session.speech_started();
    for _ in 0..70 {
        session.audio(&[7; 16_000]);
    }
    let spoken = session.finalize().unwrap();
    assert_eq!((spoken.start_ms, spoken.end_ms), (10_000, 70_000));
}

/// Asks about two seconds of speech that goes on, and takes `answer` for it.
fn so_far(answer: &str) -> (SttFile, Vec<SttEvent>) {
    let mut session = session(SttVendor::Groq);
    session.speech_started();
    session.audio(&[7; 32_000]);
    let asked = session.so_far().unwrap();
    session.audio(&[7; 16_000]);
    let body = json!({ "text": answer }).to_string();
    let events = session.decode(&asked, 200, &[], body.as_bytes()).unwrap();
    (session, events)
}

#[test]
fn speech_without_an_end_is_asked_about_and_kept() {
    let (mut session, events) = so_far("Hello and");
    let words =
        Transcript { text: "Hello and".into(), start_ms: 0, end_ms: 2000, confidence: 1.0, language: None };
    assert_eq!(events, [SttEvent::SoFar(words)]);
    let whole = session.finalize().unwrap();
    assert_eq!((whole.start_ms, whole.end_ms), (0, 3000));
    // It goes on behind that.
    session.audio(&[7; 16_000]);
    let rest = session.speech_ended().unwrap();
    assert_eq!((rest.start_ms, rest.end_ms), (3000, 4000));
    assert_eq!(session.so_far(), None);
}

#[test]
fn speech_without_words_is_not_asked_about_twice() {
    let (mut session, events) = so_far("");
    assert!(matches!(&events[..], [SttEvent::SoFar(words)] if words.text.is_empty()), "{events:?}");
    let next = session.so_far().unwrap();
    assert_eq!((next.start_ms, next.end_ms), (1600, 3000));
}

#[test]
fn words_so_far_of_what_was_taken_meanwhile_mean_nothing() {
    let mut session = session(SttVendor::Groq);
    session.speech_started();
    session.audio(&[7; 32_000]);
    let asked = session.so_far().unwrap();
    session.finalize().unwrap();
    let body = json!({ "text": "Hello and" }).to_string();
    assert_eq!(session.decode(&asked, 200, &[], body.as_bytes()).unwrap(), []);
}

#[test]
fn answers_are_final_words_or_none() {
    let end = [SttEvent::EndOfSpeech { at_ms: Some(2000) }, SttEvent::Flushed];
    let said = |text: &str, start_ms, confidence| {
        let transcript = Transcript { text: text.into(), start_ms, end_ms: 2000, confidence, language: None };
        [&[SttEvent::Final(transcript)][..], &end].concat()
    };
    let segment = |text: &str, logprob: f64, silence: f64| json!({"text": text, "start": 0.25, "avg_logprob": logprob, "no_speech_prob": silence});
    for (body, expected) in [
        (json!({"text": " Hello. ", "x_groq": {"id": "r"}}), said("Hello.", 600, 1.0)),
        (json!({"text": ""}), end.to_vec()),
        (json!({"text": " Hello.", "segments": [segment(" Hello.", 0.0, 0.01)]}), said("Hello.", 850, 1.0)),
        // Invented on silence.
        (json!({"text": " Thank you.", "segments": [segment(" Thank you.", -1.4, 0.9)]}), end.to_vec()),
        // Quiet but sure.
        (json!({"text": "Yes.", "segments": [segment("Yes.", 0.0, 0.9)]}), said("Yes.", 850, 1.0)),
    ] {
        let mut session = session(SttVendor::Groq);
        let spoken = utterance(&mut session);
        let got = session.decode(&spoken, 200, &[], body.to_string().as_bytes()).unwrap();
        assert_eq!(got, expected, "{body}");
    }
}

#[test]
fn refusals_and_nonsense_are_faults() {
    let mut session = session(SttVendor::Groq);
    let spoken = utterance(&mut session);
    assert_eq!(spoken.request.url, "http://127.0.0.1:8000/openai/v1/audio/transcriptions");
    for (status, body, kind) in [
        (200, &b"{\"te"[..], FaultKind::Malformed),
        (200, &[0xff, 0xfe][..], FaultKind::Malformed),
        (429, &b"{}"[..], FaultKind::RateLimited),
        (413, &b""[..], FaultKind::Refused),
    ] {
        assert_eq!(session.decode(&spoken, status, &[], body).unwrap_err().kind, kind, "{status}");
    }
}
