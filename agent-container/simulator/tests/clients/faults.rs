//! What goes wrong at the vendor arrives as the right fault, whichever the protocol.

use serde_json::json;
use speech::{
    ChatEvent, ChatRequest, ContextId, Fault, FaultKind, FinishReason, Stt, SttEvent, SttVendor, Tool, Tts,
    TtsEvent, TtsVendor, Vendor,
};

use crate::thinking::{answer, model, said};
use crate::wire::{Socket, ask, headers};
use crate::{hearing, speaking, start};

const EARS: [SttVendor; 3] = [SttVendor::Deepgram, SttVendor::DeepgramFlux, SttVendor::AssemblyAi];
const VOICES: [TtsVendor; 2] = [TtsVendor::ElevenLabs, TtsVendor::Deepgram];
const MODELS: [Vendor; 3] = [Vendor::OpenAi, Vendor::Groq, Vendor::Anthropic];

#[tokio::test]
async fn refused_upgrades_and_requests_are_understood() {
    let simulator = start().await;
    for (setting, expected) in [
        ("fault=unauthorized", FaultKind::Credentials),
        ("fault=rate_limited", FaultKind::RateLimited),
        ("fault=unavailable", FaultKind::Overloaded),
    ] {
        for vendor in EARS {
            let request = hearing::socket(&simulator, vendor, setting).connect();
            let fault = Socket::connect(vendor.vendor(), request).await.err();
            assert_eq!(fault.map(|fault| fault.kind), Some(expected), "{vendor:?} {setting}");
        }
        for vendor in VOICES {
            let request = speaking::socket(&simulator, vendor, setting).connect();
            let fault = Socket::connect(vendor.vendor(), request).await.err();
            assert_eq!(fault.map(|fault| fault.kind), Some(expected), "{vendor:?} {setting}");
        }
        for vendor in MODELS {
            let fault = answer(&model(&simulator, vendor, setting), &said("Hello")).await.1;
            assert_eq!(fault.map(|fault| fault.kind), Some(expected), "{vendor:?} {setting}");
        }
    }
}

#[tokio::test]
async fn models_that_fail_in_the_middle_leave_what_they_said_and_a_fault() {
    let simulator = start().await;
    for vendor in MODELS {
        for (setting, expected) in [
            (
                "fault=error&after=6",
                if vendor == Vendor::Anthropic { FaultKind::Overloaded } else { FaultKind::Unavailable },
            ),
            ("fault=disconnect&after=6", FaultKind::Disconnected),
            ("fault=garbage&after=6", FaultKind::Malformed),
            ("fault=oversize&after=6", FaultKind::Oversize),
        ] {
            let (events, fault) = answer(&model(&simulator, vendor, setting), &said("Hello")).await;
            assert_eq!(fault.map(|fault| fault.kind), Some(expected), "{vendor:?} {setting}");
            assert!(!events.is_empty(), "{vendor:?} {setting}");
        }
    }
}

/// Audio of silence until the vendor has said enough for its fault.
async fn listen(simulator: &simulator::Simulator, vendor: SttVendor, setting: &str) -> Result<usize, Fault> {
    let mut session = hearing::socket(simulator, vendor, setting);
    let mut wire = Socket::connect(vendor.vendor(), session.connect()).await?;
    wire.send(session.audio(&vec![0; 16_000 / 2])).await;
    wire.send(session.close()).await;
    let mut ignored = 0;
    loop {
        for event in session.decode(wire.receive().await)? {
            match event {
                SttEvent::Closed => return Ok(ignored),
                SttEvent::Ignored(_) => ignored += 1,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn ears_survive_nonsense_but_not_a_flood() {
    let simulator = start().await;
    for vendor in EARS {
        let ignored = listen(&simulator, vendor, "fault=garbage").await;
        assert!(ignored.is_ok_and(|ignored| ignored >= 6), "{vendor:?}");
        let fault = listen(&simulator, vendor, "fault=oversize").await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Oversize, "{vendor:?}");
    }
}

/// What a live recogniser says of its fault, without being asked to close.
async fn fails(simulator: &simulator::Simulator, vendor: SttVendor, setting: &str) -> FaultKind {
    let mut session = hearing::socket(simulator, vendor, setting);
    let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
    wire.send(session.audio(&vec![0; 16_000 / 2])).await;
    wire.send(session.finalize()).await;
    loop {
        if let Err(fault) = session.decode(wire.receive().await) {
            return fault.kind;
        }
    }
}

#[tokio::test]
async fn ears_that_fail_say_why() {
    use FaultKind::{Disconnected, Expired, Unavailable};
    let simulator = start().await;
    for (setting, expected) in [
        // Deepgram closes without a word.
        ("fault=error", [Disconnected, Unavailable, Unavailable]),
        ("fault=disconnect", [Disconnected; 3]),
        // Only AssemblyAI has a maximum age.
        ("fault=expired", [Disconnected, Unavailable, Expired]),
    ] {
        for (vendor, expected) in EARS.into_iter().zip(expected) {
            assert_eq!(fails(&simulator, vendor, setting).await, expected, "{vendor:?} {setting}");
        }
    }
}

/// What one utterance in a file comes to.
async fn transcribed(
    simulator: &simulator::Simulator,
    vendor: SttVendor,
    setting: &str,
) -> Option<FaultKind> {
    let Stt::File(mut session) = hearing::ears(simulator, vendor, setting) else { panic!("{vendor:?}") };
    session.speech_started();
    session.audio(&[0; 16_000]);
    let utterance = session.speech_ended().unwrap();
    let response = ask(utterance.request.clone()).await;
    let (status, headers) = (response.status().as_u16(), headers(&response));
    let Ok(body) = response.bytes().await else { return Some(FaultKind::Disconnected) };
    session.decode(&utterance, status, &headers, &body).err().map(|fault| fault.kind)
}

/// What one sentence comes to.
async fn said_over_http(
    simulator: &simulator::Simulator,
    vendor: TtsVendor,
    setting: &str,
) -> Option<FaultKind> {
    let Tts::Http(voice) = speaking::voice(simulator, vendor, setting) else { panic!("{vendor:?}") };
    let mut response = ask(voice.request("Hello there, how can I help you today?")).await;
    if !response.status().is_success() {
        let (status, headers) = (response.status().as_u16(), headers(&response));
        return Some(voice.refused(status, &headers, &response.bytes().await.unwrap()).kind);
    }
    let mut stream = voice.stream(ContextId(1));
    loop {
        let pushed = match response.chunk().await {
            Ok(Some(bytes)) => stream.push(&bytes),
            Ok(None) => return stream.end().err().map(|fault| fault.kind),
            Err(_) => return Some(FaultKind::Disconnected),
        };
        if let Err(fault) = pushed {
            return Some(fault.kind);
        }
    }
}

#[tokio::test]
async fn ears_and_voices_over_http_fail_as_requests_do() {
    let simulator = start().await;
    let refusals = [
        ("fault=unauthorized", FaultKind::Credentials),
        ("fault=rate_limited", FaultKind::RateLimited),
        ("fault=unavailable", FaultKind::Overloaded),
        ("fault=disconnect", FaultKind::Disconnected),
    ];
    for (ear, voice) in [(SttVendor::OpenAi, TtsVendor::OpenAi), (SttVendor::Groq, TtsVendor::Groq)] {
        for (setting, expected) in refusals {
            assert_eq!(transcribed(&simulator, ear, setting).await, Some(expected), "{ear:?} {setting}");
            assert_eq!(
                said_over_http(&simulator, voice, setting).await,
                Some(expected),
                "{voice:?} {setting}"
            );
        }
        for (setting, expected) in [
            ("fault=error", FaultKind::Unavailable),
            ("fault=garbage", FaultKind::Malformed),
            ("fault=oversize", FaultKind::Oversize),
        ] {
            assert_eq!(transcribed(&simulator, ear, setting).await, Some(expected), "{ear:?} {setting}");
        }
    }
    // Only Groq's answer has a head that can be told from nonsense.
    assert_eq!(
        said_over_http(&simulator, TtsVendor::Groq, "fault=garbage").await,
        Some(FaultKind::Malformed)
    );
}

#[tokio::test]
async fn voices_survive_nonsense() {
    let simulator = start().await;
    for vendor in VOICES {
        let mut session = speaking::socket(&simulator, vendor, "rate=100&fault=garbage&after=1");
        let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
        speaking::speak(&mut session, &mut wire, ContextId(1), "Hello.").await;
        let events = speaking::until_done(&mut session, &mut wire, ContextId(1)).await.unwrap();
        assert!(events.iter().any(|event| matches!(event, TtsEvent::Audio { .. })), "{vendor:?}");
        assert!(
            events.iter().filter(|event| matches!(event, TtsEvent::Ignored(_))).count() >= 5,
            "{vendor:?}"
        );
    }
}

async fn speak(simulator: &simulator::Simulator, vendor: TtsVendor, setting: &str) -> Fault {
    let mut session = speaking::socket(simulator, vendor, setting);
    let mut wire = Socket::connect(vendor.vendor(), session.connect()).await.unwrap();
    wire.send(session.open(ContextId(1)).unwrap()).await;
    wire.send(session.text(ContextId(1), "Hello there, how can I help you today?")).await;
    wire.send(session.finish(ContextId(1))).await;
    loop {
        if let Err(fault) = session.decode(wire.receive().await) {
            return fault;
        }
    }
}

#[tokio::test]
async fn voices_that_fail_say_why() {
    let simulator = start().await;
    for (vendor, setting, expected) in [
        (TtsVendor::ElevenLabs, "fault=error&after=2", FaultKind::Quota),
        (TtsVendor::ElevenLabs, "fault=expired&after=2", FaultKind::TimedOut),
        (TtsVendor::ElevenLabs, "fault=disconnect&after=2", FaultKind::Disconnected),
        (TtsVendor::ElevenLabs, "fault=oversize&after=2", FaultKind::Oversize),
        (TtsVendor::Deepgram, "fault=error&after=2", FaultKind::Disconnected),
        (TtsVendor::Deepgram, "fault=disconnect&after=2", FaultKind::Disconnected),
        (TtsVendor::Deepgram, "fault=oversize&after=2", FaultKind::Oversize),
    ] {
        assert_eq!(speak(&simulator, vendor, setting).await.kind, expected, "{vendor:?} {setting}");
    }
}

#[tokio::test]
async fn quirks_within_the_protocol_change_nothing() {
    let simulator = start().await;
    for vendor in [Vendor::OpenAi, Vendor::Groq] {
        let tool = Tool {
            name: "find_table".into(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        };
        let chat = ChatRequest { tools: vec![tool], ..said("Please find me one.") };
        let (events, fault) = answer(&model(&simulator, vendor, "quirks=true"), &chat).await;
        assert_eq!(fault, None);
        assert!(
            events
                .iter()
                .any(|event| matches!(event, ChatEvent::ToolCall(call) if call.name == "find_table"))
        );
        assert_eq!(events.last(), Some(&ChatEvent::Done(FinishReason::ToolCalls)), "{vendor:?}");
    }
    let mut session = speaking::socket(&simulator, TtsVendor::ElevenLabs, "quirks=true&rate=100");
    let mut wire = Socket::connect(Vendor::ElevenLabs, session.connect()).await.unwrap();
    wire.send(session.open(ContextId(1)).unwrap()).await;
    wire.send(session.text(ContextId(1), "Hello.")).await;
    wire.send(session.finish(ContextId(1))).await;
    let mut events = Vec::new();
    while !events.contains(&TtsEvent::Done { context: ContextId(1) }) {
        events.extend(session.decode(wire.receive().await).unwrap());
    }
    assert!(events.iter().any(|event| matches!(event, TtsEvent::Audio { .. })));
    assert!(events.iter().any(|event| matches!(event, TtsEvent::Alignment { .. })));
}
