//! Every protocol carries a conversation: the caller's words arrive, the reply is heard, no rule of a vendor is broken.

use crate::support::{World, WorldSetup};
use domain::EndReason;
use serde_json::{Value, json};
use simulator::Service;

/// Two questions, two answers, with these vendors and nobody else.
async fn check(stt: Value, llm: Value, tts: Value, used: [Service; 3]) {
    let vendors = json!({"stt": [stt], "llm": [llm], "tts": [tts]});
    let agent = json!({"greeting": "Hello."});
    let mut world = World::start(WorldSetup { vendors, agent, ..WorldSetup::default() }).await;
    let mut caller = world.call("CA").await;
    caller.is_greeted().await;
    caller.asks("Hello, I would like to book a table.").await;
    caller.asks("For four people, tomorrow at seven.").await;
    caller.hangs_up().await;
    assert_eq!(world.memory.ended("CA").await, EndReason::CallerHangup, "{used:?}");
    let journal = world.journal("CA").await;
    // Not every recogniser writes capitals.
    let journal = journal.to_lowercase();
    for words in
        ["i would like to book a table", "for how many people", "tomorrow at seven", "that is booked"]
    {
        assert!(journal.contains(words), "{used:?}: {words}: {journal}");
    }
    for service in used {
        assert!(world.asked(service) > 0, "{service:?} was not asked");
    }
    world.no_rule_was_broken();
}

#[tokio::test(flavor = "multi_thread")]
async fn flux_and_anthropic_and_aura_carry_a_conversation() {
    check(
        json!({"vendor": "deepgram-flux", "model": "ears"}),
        json!({"vendor": "anthropic", "model": "brain"}),
        json!({"vendor": "deepgram", "model": "mouth"}),
        [Service::DeepgramFlux, Service::Anthropic, Service::DeepgramSpeak],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_alone_carries_a_conversation() {
    check(
        json!({"vendor": "openai", "model": "ears"}),
        json!({"vendor": "openai", "model": "brain"}),
        json!({"vendor": "openai", "model": "mouth", "options": {"voice": "any"}}),
        [Service::OpenaiTranscriptions, Service::OpenaiChat, Service::OpenaiSpeech],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groq_alone_carries_a_conversation() {
    check(
        json!({"vendor": "groq", "model": "ears"}),
        json!({"vendor": "groq", "model": "brain"}),
        json!({"vendor": "groq", "model": "mouth", "options": {"voice": "any"}}),
        [Service::GroqTranscriptions, Service::GroqChat, Service::GroqSpeech],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assemblyai_carries_a_conversation() {
    check(
        json!({"vendor": "assemblyai", "model": "ears"}),
        json!({"vendor": "openai", "model": "brain"}),
        json!({"vendor": "elevenlabs", "model": "mouth"}),
        [Service::Assemblyai, Service::OpenaiChat, Service::Elevenlabs],
    )
    .await;
}
