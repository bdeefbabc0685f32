//! Text to speech.

use std::time::Duration;

use simulator::{Service, Simulator};
use speech::{ContextId, Fault, Tts, TtsConfig, TtsEvent, TtsSocket, TtsVendor, VoiceSettings};

use crate::wire::{Socket, ask};
use crate::{endpoint, loud, start};

const TEXT: &str = "Hello there, how can I help you today?";
const ONE: ContextId = ContextId(1);
const TWO: ContextId = ContextId(2);

pub(crate) fn voice(simulator: &Simulator, vendor: TtsVendor, settings: &str) -> Tts {
    Tts::new(TtsConfig {
        vendor,
        endpoint: endpoint(simulator, vendor.vendor(), settings),
        model: "any".into(),
        voice: "amy".into(),
        language: None,
        sample_rate: 16_000,
        settings: VoiceSettings::default(),
        extra: Vec::new(),
    })
}

pub(crate) fn socket(simulator: &Simulator, vendor: TtsVendor, settings: &str) -> TtsSocket {
    match voice(simulator, vendor, settings) {
        Tts::Socket(session) => session,
        Tts::Http(voice) => panic!("not a socket: {voice:?}"),
    }
}

/// The text spoken at 16 kHz.
pub(crate) async fn spoken(simulator: &Simulator, text: &str) -> Vec<i16> {
    let mut session = socket(simulator, TtsVendor::ElevenLabs, "first_ms=0&rate=100");
    let mut wire = Socket::connect(TtsVendor::ElevenLabs.vendor(), session.connect()).await.unwrap();
    speak(&mut session, &mut wire, ONE, text).await;
    let events = until_done(&mut session, &mut wire, ONE).await.unwrap();
    audio(&events, ONE)
}

pub(crate) async fn speak(session: &mut TtsSocket, wire: &mut Socket, context: ContextId, text: &str) {
    wire.send(session.open(context).unwrap()).await;
    wire.send(session.text(context, text)).await;
    wire.send(session.finish(context)).await;
}

pub(crate) async fn until_done(
    session: &mut TtsSocket,
    wire: &mut Socket,
    context: ContextId,
) -> Result<Vec<TtsEvent>, Fault> {
    let mut events = Vec::new();
    while !events.contains(&TtsEvent::Done { context }) {
        events.extend(session.decode(wire.receive().await)?);
    }
    Ok(events)
}

fn audio(events: &[TtsEvent], of: ContextId) -> Vec<i16> {
    let pieces = events.iter().filter_map(|event| match event {
        TtsEvent::Audio { context, samples, .. } if *context == of => Some(samples.as_slice()),
        _ => None,
    });
    pieces.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn sockets_speak_one_utterance_after_the_other() {
    let simulator = start().await;
    for vendor in [TtsVendor::ElevenLabs, TtsVendor::Deepgram] {
        let mut session = socket(&simulator, vendor, "");
        let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
        for context in [ONE, TWO] {
            speak(&mut session, &mut wire, context, TEXT).await;
            let said = audio(&until_done(&mut session, &mut wire, context).await.unwrap(), context);
            assert!((24_000..80_000).contains(&said.len()) && loud(&said), "{vendor:?}: {}", said.len());
        }
        wire.send(session.close()).await;
        while !session.decode(wire.receive().await).unwrap().contains(&TtsEvent::Closed) {}
    }
    assert!(simulator.counters().violations.is_empty(), "{:?}", simulator.counters().violations);
}

#[tokio::test]
async fn elevenlabs_says_when_each_character_sounds() {
    let simulator = start().await;
    let mut session = socket(&simulator, TtsVendor::ElevenLabs, "rate=100");
    let mut wire = Socket::connect(TtsVendor::ElevenLabs.vendor(), session.connect()).await.unwrap();
    speak(&mut session, &mut wire, ONE, TEXT).await;
    let events = until_done(&mut session, &mut wire, ONE).await.unwrap();
    let chars: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            TtsEvent::Alignment { chars, .. } => Some(chars.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(chars.iter().map(|c| c.text.as_str()).collect::<String>().trim_end(), TEXT);
    assert!(chars.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms), "times go forward");
    let length_ms = audio(&events, ONE).len() as u64 / 16;
    let last = chars.last().unwrap();
    assert!(last.start_ms + last.duration_ms <= length_ms + 20, "{last:?} in {length_ms} ms");
}

#[tokio::test]
async fn a_barge_in_reaches_the_vendor() {
    let simulator = start().await;
    for (vendor, service) in
        [(TtsVendor::ElevenLabs, Service::Elevenlabs), (TtsVendor::Deepgram, Service::DeepgramSpeak)]
    {
        // At the pace of speech, so that there is something left to cancel.
        let mut session = socket(&simulator, vendor, "rate=1");
        let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
        wire.send(session.open(ONE).unwrap()).await;
        wire.send(session.text(ONE, TEXT)).await;
        if vendor == TtsVendor::Deepgram {
            wire.send(session.flush(ONE, Duration::ZERO)).await;
        }
        let mut begun = Vec::new();
        while audio(&begun, ONE).is_empty() {
            begun.extend(session.decode(wire.receive().await).unwrap());
        }
        wire.send(session.cancel(ONE)).await;
        speak(&mut session, &mut wire, TWO, "Yes?").await;
        let events = until_done(&mut session, &mut wire, TWO).await.unwrap();
        assert!(audio(&events, ONE).is_empty(), "{vendor:?}");
        assert!(loud(&audio(&events, TWO)), "{vendor:?}");
        assert_eq!(simulator.counters().services[&service].cancelled, 1, "{vendor:?}");
    }
}

#[tokio::test]
async fn a_socket_full_of_cancelled_utterances_refuses_more_and_survives() {
    let simulator = start().await;
    let mut session = socket(&simulator, TtsVendor::ElevenLabs, "rate=1");
    let mut wire = Socket::connect(TtsVendor::ElevenLabs.vendor(), session.connect()).await.unwrap();
    let mut opened = 0;
    for n in 0..10 {
        let Some(messages) = session.open(ContextId(n)) else { break };
        wire.send(messages).await;
        wire.send(session.text(ContextId(n), TEXT)).await;
        wire.send(session.cancel(ContextId(n))).await;
        opened += 1;
    }
    assert_eq!(opened, 4);
    wire.send(session.keep_alive()).await;
    while session.open(ContextId(20)).is_none() {
        session.decode(wire.receive().await).unwrap();
    }
    assert!(simulator.counters().violations.is_empty(), "{:?}", simulator.counters().violations);
}

#[tokio::test]
async fn voices_by_http_speak_at_the_rate_they_say() {
    let simulator = start().await;
    for (vendor, rate) in [(TtsVendor::OpenAi, 24_000), (TtsVendor::Groq, 16_000)] {
        let Tts::Http(voice) = voice(&simulator, vendor, "") else { panic!("{vendor:?} is a socket") };
        let mut response = ask(voice.request(TEXT)).await;
        assert_eq!(response.status(), 200);
        let mut stream = voice.stream(ONE);
        let mut events = Vec::new();
        while let Some(bytes) = response.chunk().await.unwrap() {
            events.extend(stream.push(&bytes).unwrap());
        }
        assert_eq!(stream.end().unwrap(), [TtsEvent::Done { context: ONE }]);
        assert!(
            events.iter().all(|e| matches!(e, TtsEvent::Audio { sample_rate, .. } if *sample_rate == rate))
        );
        let said = audio(&events, ONE);
        assert!(
            (rate as usize * 3 / 2..rate as usize * 5).contains(&said.len()) && loud(&said),
            "{}",
            said.len()
        );
    }
}
