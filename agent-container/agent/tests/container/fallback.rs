//! A vendor that fails is replaced by the next of its kind, whatever the failure: the caller hears a reply, or an
//! apology, never silence.

use crate::support::{World, WorldSetup};
use domain::EndReason;
use serde_json::{Value, json};
use simulator::Service;
use speech::Vendor;

/// What goes wrong, as the simulator's key says it.
const FAULTS: [&str; 8] = [
    "key?fault=slow",
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
    let journal = check_in(chains(), vendor, fault, second).await;
    let replied = journal.contains("\"outcome\":\"replied\"");
    let apologised = journal.contains("\"kind\":\"apology\"");
    assert!(replied || apologised, "{vendor}: {fault}: {journal}");
}

/// The same with these chains; gives the journal.
async fn check_in(vendors: Value, vendor: Vendor, fault: &'static str, second: Service) -> String {
    let setup = WorldSetup {
        vendors,
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
    // Nonsense between the lines is passed over.
    if !fault.contains("garbage") {
        assert!(world.asked(second) > 0, "{vendor}: {fault}: {second:?} was not asked");
    }
    world.journal("CA").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_that_fails_is_replaced() {
    for fault in FAULTS {
        check(Vendor::Deepgram, fault, Service::Assemblyai).await;
    }
}

/// The utterance that it was given is not lost with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_of_whole_utterances_that_fails_is_replaced() {
    let stt = json!([{"vendor": "groq", "model": "ears"}, {"vendor": "openai", "model": "ears"}]);
    let llm = json!([{"vendor": "openai", "model": "brain"}]);
    let vendors = json!({ "stt": stt, "llm": llm, "tts": chains()["tts"] });
    // One answer to each request: what goes wrong does so in the first.
    let faults = [
        "key?fault=unauthorized",
        "key?fault=rate_limited",
        "key?fault=error",
        "key?fault=silent",
        "key?fault=disconnect",
        "key?fault=oversize",
    ];
    for fault in faults {
        let journal = check_in(vendors.clone(), Vendor::Groq, fault, Service::OpenaiTranscriptions)
            .await
            .to_lowercase();
        assert!(
            journal.contains("\"role\":\"user\",\"text\":\"hello, i would like to book a table"),
            "{fault}: {journal}"
        );
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
