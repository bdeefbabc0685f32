//! Language models.

use serde_json::json;
use simulator::{Service, Simulator};
use speech::{
    ChatEvent, ChatMessage, ChatRequest, Fault, FinishReason, LlmConfig, LlmOptions, Tool, ToolChoice, Vendor,
};

use crate::wire::{ask, headers};
use crate::{endpoint, start};

const MODELS: [Vendor; 3] = [Vendor::OpenAi, Vendor::Groq, Vendor::Anthropic];

pub(crate) fn model(simulator: &Simulator, vendor: Vendor, settings: &str) -> LlmConfig {
    let options = LlmOptions::default();
    LlmConfig { vendor, endpoint: endpoint(simulator, vendor, settings), model: "any".into(), options }
}

pub(crate) fn said(text: &str) -> ChatRequest {
    let system = ChatMessage::System("Be brief.".into());
    ChatRequest { messages: vec![system, ChatMessage::User(text.into())], ..Default::default() }
}

/// The whole answer, and whether any of it came before a fault.
pub(crate) async fn answer(model: &LlmConfig, chat: &ChatRequest) -> (Vec<ChatEvent>, Option<Fault>) {
    let mut response = ask(model.request(chat)).await;
    if !response.status().is_success() {
        let (status, headers) = (response.status().as_u16(), headers(&response));
        return (Vec::new(), Some(model.refused(status, &headers, &response.bytes().await.unwrap())));
    }
    let mut stream = model.stream();
    let mut events = Vec::new();
    loop {
        let more = match response.chunk().await {
            Ok(Some(bytes)) => stream.push(&bytes),
            Ok(None) => {
                let last = stream.end();
                let fault = last.map(|last| events.extend(last)).err();
                return (events, fault);
            }
            Err(error) => Err(Fault::disconnected(model.vendor, &error.to_string())),
        };
        match more {
            Ok(more) => events.extend(more),
            Err(fault) => return (events, Some(fault)),
        }
    }
}

fn words(events: &[ChatEvent]) -> String {
    let pieces = events.iter().filter_map(|event| match event {
        ChatEvent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    pieces.collect()
}

#[tokio::test]
async fn replies_come_word_by_word_with_their_cost() {
    let simulator = start().await;
    for vendor in MODELS {
        let (events, fault) =
            answer(&model(&simulator, vendor, ""), &said("I would like to book a table.")).await;
        assert_eq!(fault, None);
        assert_eq!(words(&events), "With pleasure. For how many people, and at what time?", "{vendor:?}");
        assert!(events.iter().filter(|event| matches!(event, ChatEvent::Text(_))).count() > 5);
        assert!(
            events.iter().any(|event| matches!(event, ChatEvent::Usage(usage) if usage.output_tokens > 0))
        );
        assert_eq!(events.last(), Some(&ChatEvent::Done(FinishReason::Stop)), "{vendor:?}");
        assert_eq!(ask(model(&simulator, vendor, "").warm_up()).await.status(), 200);
    }
}

#[tokio::test]
async fn tools_are_asked_for_answered_and_talked_about() {
    let simulator = start().await;
    for vendor in MODELS {
        let model = model(&simulator, vendor, "");
        let schema = json!({"type": "object", "properties": {"people": {"type": "integer"}}});
        let tool =
            Tool { name: "find_table".into(), description: "Finds a free table.".into(), parameters: schema };
        let mut chat =
            ChatRequest { tools: vec![tool], tool_choice: ToolChoice::Auto, ..said("Please find me one.") };
        let (events, fault) = answer(&model, &chat).await;
        assert_eq!(fault, None);
        assert_eq!(events.last(), Some(&ChatEvent::Done(FinishReason::ToolCalls)), "{vendor:?}");
        let calls: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                ChatEvent::ToolCall(call) => Some(call.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(calls[0].name, "find_table");
        assert_eq!(calls[0].arguments().unwrap()["people"], 4);
        let (call_id, content) = (calls[0].id.clone(), "number 7".to_owned());
        chat.messages.push(ChatMessage::Assistant { text: words(&events), tool_calls: calls });
        chat.messages.push(ChatMessage::ToolResult { call_id, content, is_error: false });
        let (events, fault) = answer(&model, &chat).await;
        assert_eq!((words(&events).as_str(), fault), ("I found number 7 for you.", None), "{vendor:?}");
    }
    assert!(simulator.counters().violations.is_empty(), "{:?}", simulator.counters().violations);
}

#[tokio::test]
async fn a_dropped_reply_is_cancelled_at_the_vendor() {
    let simulator = start().await;
    for (vendor, service) in [
        (Vendor::OpenAi, Service::OpenaiChat),
        (Vendor::Groq, Service::GroqChat),
        (Vendor::Anthropic, Service::Anthropic),
    ] {
        let model = model(&simulator, vendor, "rate=1");
        let mut response = ask(model.request(&said("I would like to book a table."))).await;
        response.chunk().await.unwrap();
        drop(response);
        while simulator.counters().services[&service].cancelled == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(simulator.counters().services[&service].completed, 0, "{vendor:?}");
    }
}
