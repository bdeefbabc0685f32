//! Speech to text.

use std::time::Duration;

use simulator::{Service, Simulator};
use speech::{Stt, SttConfig, SttEvent, SttOptions, SttSocket, SttVendor};

use crate::speaking::spoken;
use crate::wire::{Socket, ask, headers};
use crate::{LINES, endpoint, plain, start};

const SOCKETS: [SttVendor; 3] = [SttVendor::Deepgram, SttVendor::DeepgramFlux, SttVendor::AssemblyAi];
/// One telephone frame at 16 kHz.
const FRAME: usize = 320;

pub(crate) fn ears(simulator: &Simulator, vendor: SttVendor, settings: &str) -> Stt {
    Stt::new(SttConfig {
        vendor,
        endpoint: endpoint(simulator, vendor.vendor(), settings),
        model: "any".into(),
        language: Some("en".into()),
        sample_rate: 16_000,
        options: SttOptions { eager_threshold: Some(0.4), ..SttOptions::default() },
    })
}

pub(crate) fn socket(simulator: &Simulator, vendor: SttVendor, settings: &str) -> SttSocket {
    match ears(simulator, vendor, settings) {
        Stt::Socket(session) => session,
        Stt::File(session) => panic!("not a socket: {session:?}"),
    }
}

/// Sends the audio at four times its pace (AssemblyAI: its own), then closes; everything that was heard.
async fn hear(simulator: &Simulator, vendor: SttVendor, audio: &[i16], finalize: bool) -> Vec<SttEvent> {
    let mut session = socket(simulator, vendor, "first_ms=20");
    let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
    let frame_ms = if vendor == SttVendor::AssemblyAi { 20 } else { 5 };
    let mut pace = tokio::time::interval(Duration::from_millis(frame_ms));
    let mut events = Vec::new();
    if vendor == SttVendor::AssemblyAi {
        // It says first that it is there; audio waits for that.
        events.extend(session.decode(wire.receive().await).unwrap());
    }
    for frame in audio.chunks(FRAME) {
        pace.tick().await;
        wire.send(session.audio(frame)).await;
    }
    if finalize {
        wire.send(session.finalize()).await;
    }
    wire.send(session.close()).await;
    while !events.contains(&SttEvent::Closed) {
        events.extend(session.decode(wire.receive().await).unwrap());
    }
    events
}

fn finals(events: &[SttEvent]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        SttEvent::Final(transcript) => Some(transcript.text.as_str()),
        _ => None,
    });
    plain(&texts.collect::<Vec<_>>().join(" "))
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 16]
}

#[tokio::test]
async fn each_utterance_is_a_line_of_the_script() {
    let simulator = start().await;
    let (one, two) = (spoken(&simulator, LINES[0]).await, spoken(&simulator, LINES[1]).await);
    let audio = [silence(300), one, silence(1500), two, silence(1500)].concat();
    for vendor in SOCKETS {
        let events = hear(&simulator, vendor, &audio, false).await;
        assert_eq!(finals(&events), plain(&LINES.join(" ")), "{vendor:?}");
        assert!(events.iter().any(|event| matches!(event, SttEvent::Interim(_))), "{vendor:?}");
        let ends = events.iter().filter(|event| matches!(event, SttEvent::EndOfSpeech { .. })).count();
        assert!(ends >= 2, "{vendor:?}: {events:?}");
        if vendor == SttVendor::DeepgramFlux {
            let eager = events.iter().filter(|event| matches!(event, SttEvent::EagerEndOfTurn(_))).count();
            assert!(eager >= 2, "{events:?}");
        }
    }
    assert!(simulator.counters().violations.is_empty(), "{:?}", simulator.counters().violations);
}

#[tokio::test]
async fn without_speech_there_are_no_words() {
    let simulator = start().await;
    // A hum below speech, with a click in it.
    let mut hum: Vec<i16> = (0..16_000 * 4).map(|n| if n % 40 < 20 { 60 } else { -60 }).collect();
    hum[30_000..30_160].fill(8000);
    for vendor in [SttVendor::Deepgram, SttVendor::DeepgramFlux] {
        for audio in [&silence(4000), &hum] {
            let events = hear(&simulator, vendor, audio, true).await;
            let words =
                events.iter().filter(|e| matches!(e, SttEvent::Interim(_) | SttEvent::Final(_))).count();
            assert_eq!(words, 0, "{vendor:?}: {events:?}");
        }
    }
}

#[tokio::test]
async fn finalize_is_answered_with_the_words_so_far() {
    let simulator = start().await;
    // The speech has just stopped: no vendor has noticed yet.
    let mut audio = spoken(&simulator, LINES[0]).await;
    audio.truncate(audio.iter().rposition(|sample| sample.abs() > 500).unwrap());
    audio.extend(silence(180));
    for vendor in SOCKETS {
        let events = hear(&simulator, vendor, &audio, true).await;
        assert!(events.contains(&SttEvent::Flushed), "{vendor:?}: {events:?}");
        assert_eq!(finals(&events), plain(LINES[0]), "{vendor:?}");
    }
}

#[tokio::test]
async fn utterances_in_files_are_heard_in_order() {
    let simulator = start().await;
    for vendor in [SttVendor::OpenAi, SttVendor::Groq] {
        let Stt::File(mut session) = ears(&simulator, vendor, "caller=1") else {
            panic!("{vendor:?} is a socket")
        };
        for line in LINES {
            session.audio(&silence(500));
            session.speech_started();
            session.audio(&spoken(&simulator, line).await);
            let utterance = session.finalize().unwrap();
            let response = ask(utterance.request.clone()).await;
            let (status, headers) = (response.status().as_u16(), headers(&response));
            let body = response.bytes().await.unwrap();
            let events = session.decode(&utterance, status, &headers, &body).unwrap();
            assert_eq!(finals(&events), plain(line), "{vendor:?}");
        }
        // What Whisper makes up on silence is not believed.
        session.speech_started();
        session.audio(&silence(500));
        let utterance = session.finalize().unwrap();
        let body = ask(utterance.request.clone()).await.bytes().await.unwrap();
        assert_eq!(finals(&session.decode(&utterance, 200, &[], &body).unwrap()), "", "{vendor:?}");
    }
}

#[tokio::test]
async fn keep_alive_holds_a_silent_line_open() {
    let simulator = start().await;
    for (vendor, service) in
        [(SttVendor::Deepgram, Service::DeepgramListen), (SttVendor::AssemblyAi, Service::Assemblyai)]
    {
        let mut session = socket(&simulator, vendor, "");
        let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
        wire.send(session.keep_alive()).await;
        wire.send(session.close()).await;
        while !session.decode(wire.receive().await).unwrap().contains(&SttEvent::Closed) {}
        assert_eq!(simulator.counters().services[&service].keep_alives, 1);
    }
    assert!(simulator.counters().violations.is_empty(), "{:?}", simulator.counters().violations);
}
