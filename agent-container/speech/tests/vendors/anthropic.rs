//! Anthropic Messages.

use serde_json::{Value, json};
use speech::{
    ChatEvent, ChatMessage, ChatRequest, FaultKind, FinishReason, LlmConfig, LlmOptions, Tool, ToolCall,
    ToolChoice, Usage, Vendor,
};

use crate::{body, endpoint};

fn config() -> LlmConfig {
    let options = LlmOptions::default();
    LlmConfig { vendor: Vendor::Anthropic, endpoint: endpoint(), model: "claude".into(), options }
}

fn read(events: &[Value]) -> Result<Vec<ChatEvent>, FaultKind> {
    let mut stream = config().stream();
    let mut out = Vec::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        let got = stream.push(format!("event: {kind}\ndata: {event}\n\n").as_bytes()).map_err(|f| f.kind)?;
        out.extend(got.into_iter().filter(|event| !matches!(event, ChatEvent::Ignored(_))));
    }
    out.extend(stream.end().map_err(|fault| fault.kind)?);
    Ok(out)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "m", "usage":
        {"input_tokens": 300, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 70, "output_tokens": 1}}})
}

fn block(index: u64, content: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": content})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(reason: &str) -> [Value; 2] {
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    [
        json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 65}}),
        json!({"type": "message_stop"}),
    ]
}

#[test]
fn roles_alternate_and_results_come_first() {
    let call = |id: &str| ToolCall { id: id.into(), name: "find".into(), arguments: "{\"day\":1}".into() };
    let result =
        |id: &str| ChatMessage::ToolResult { call_id: id.into(), content: "ok".into(), is_error: false };
    let chat = ChatRequest {
        messages: vec![
            ChatMessage::System("Be brief.".into()),
            ChatMessage::Assistant { text: "Hello!".into(), tool_calls: vec![] },
            ChatMessage::User("When?".into()),
            ChatMessage::User("Today?".into()),
            ChatMessage::Assistant { text: String::new(), tool_calls: vec![call("a"), call("b")] },
            ChatMessage::System("The caller is in a hurry.".into()),
            ChatMessage::User("Well?".into()),
            result("a"),
            result("b"),
        ],
        tools: vec![Tool {
            name: "find".into(),
            description: "Finds.".into(),
            parameters: json!({"type": "object"}),
        }],
        tool_choice: ToolChoice::Required,
    };
    let request = config().request(&chat);
    assert_eq!(request.url, "http://127.0.0.1:8000/v1/messages");
    assert!(request.headers.iter().any(|h| h.name == "x-api-key" && h.value == "k3y" && h.secret));
    assert!(request.headers.iter().any(|h| h.name == "anthropic-version"));
    let body = body(&request.body);
    assert_eq!(body["system"], "Be brief.\n\nThe caller is in a hurry.");
    assert_eq!(body["max_tokens"], 1024);
    assert_eq!(
        body["tools"],
        json!([{"name": "find", "description": "Finds.", "input_schema": {"type": "object"}}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
    let text = |text: &str| json!({"type": "text", "text": text});
    let called = |id: &str| json!({"type": "tool_use", "id": id, "name": "find", "input": {"day": 1}});
    let answered =
        |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "ok", "is_error": false});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [text("(The call begins.)")]},
            {"role": "assistant", "content": [text("Hello!")]},
            {"role": "user", "content": [text("When?"), text("Today?")]},
            {"role": "assistant", "content": [called("a"), called("b")]},
            {"role": "user", "content": [answered("a"), answered("b"), text("Well?")]},
        ])
    );
}

#[test]
fn words_tools_and_usage_come_in_order() {
    let [last, end] = stop("tool_use");
    let events = [
        start(),
        block(0, json!({"type": "thinking", "thinking": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "…"})),
        json!({"type": "content_block_stop", "index": 0}),
        block(1, json!({"type": "text", "text": ""})),
        json!({"type": "ping"}),
        delta(1, json!({"type": "text_delta", "text": "One "})),
        delta(1, json!({"type": "text_delta", "text": "moment."})),
        json!({"type": "content_block_stop", "index": 1}),
        block(2, json!({"type": "tool_use", "id": "t", "name": "find", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"d"})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "ay\":1}"})),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "never_heard_of", "x": 1}),
        last,
        end,
    ];
    let call = ToolCall { id: "t".into(), name: "find".into(), arguments: "{\"day\":1}".into() };
    assert_eq!(
        read(&events),
        Ok(vec![
            ChatEvent::Text("One ".into()),
            ChatEvent::Text("moment.".into()),
            ChatEvent::ToolCall(call),
            ChatEvent::Usage(Usage { input_tokens: 377, cached_tokens: 70, output_tokens: 65 }),
            ChatEvent::Done(FinishReason::ToolCalls),
        ])
    );
}

#[test]
fn every_end_has_its_reason() {
    for (reason, expected) in [
        ("end_turn", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("refusal", FinishReason::Filtered),
        ("pause_turn", FinishReason::Other("pause_turn".into())),
    ] {
        let events = read(&[&[start()][..], &stop(reason)].concat()).unwrap();
        assert_eq!(events.last(), Some(&ChatEvent::Done(expected)), "{reason}");
    }
}

#[test]
fn failures_inside_the_stream_and_its_loss_are_faults() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(read(&[start(), error]), Err(FaultKind::Overloaded));
    assert_eq!(read(&[start()]), Err(FaultKind::Truncated));
    assert_eq!(read(&[json!({"type": "content_block_start"})]), Err(FaultKind::Malformed));
}
