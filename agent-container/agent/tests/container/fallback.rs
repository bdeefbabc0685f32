//! A vendor that fails is replaced by the next of its kind, whatever the failure: the caller hears a reply, or an
//! apology, never silence.

use crate::support::{World, WorldSetup};
use domain::EndReason;
use serde_json::{Value, json};
use simulator::Service;
use speech::Vendor;

/// What goes wrong, as the simulator's key says it.
const FAULTS: [&str; 7] = [
    "key?fault=unauthorized",
    "key?fault=rate_limited",
    "key?fault=error&after=1",
    "key?fault=silent",
    "key?fault=disconnect&after=1",
    "key?fault=garbage",
    "key?fault=oversize",
];

fn chains() -> Value {
    json!({
        "stt": [{"vendor": "deepgram", "model": "ears"}, {"vendor": "assemblyai", "model": "ears"}],
        "llm": [{"vendor": "openai", "model": "brain"}, {"vendor": "groq", "model": "brain"}],
        "tts": [{"vendor": "elevenlabs", "model": "mouth"}, {"vendor": "deepgram", "model": "mouth"}],
    })
}

/// One conversation in which `vendor` fails in this way: greeted, answered, hung up.
async fn check(vendor: Vendor, fault: &'static str, second: Service) {
    let setup = WorldSetup {
        vendors: chains(),
        keys: vec![(vendor, fault)],
        agent: json!({"greeting": "Hello."}),
        ..WorldSetup::default()
    };
    let mut world = World::start(setup).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.asks("Hello, I would like to book a table.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA").await, EndReason::CallerHangup, "{vendor}: {fault}");
    let journal = world.journal("CA").await;
    let replied = journal.contains("\"outcome\":\"replied\"");
    let apologised = journal.contains("\"kind\":\"apology\"");
    assert!(replied || apologised, "{vendor}: {fault}: {journal}");
    // Nonsense between the lines is passed over.
    if !fault.contains("garbage") {
        assert!(world.asked(second) > 0, "{vendor}: {fault}: {second:?} was not asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_that_fails_is_replaced() {
    for fault in FAULTS {
        check(Vendor::Deepgram, fault, Service::Assemblyai).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_model_that_fails_is_replaced() {
    for fault in FAULTS {
        check(Vendor::OpenAi, fault, Service::GroqChat).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_fails_is_replaced() {
    for fault in FAULTS {
        check(Vendor::ElevenLabs, fault, Service::DeepgramSpeak).await;
    }
}
