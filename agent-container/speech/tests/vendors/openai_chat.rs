//! OpenAI chat completions and what compatible servers make of them.

use serde_json::{Value, json};
use speech::{
    ChatEvent, ChatMessage, ChatRequest, ChatStream, Endpoint, FaultKind, FinishReason, LlmConfig,
    LlmOptions, Tool, ToolCall, ToolChoice, Usage, Vendor,
};

use crate::{body, endpoint};

fn config() -> LlmConfig {
    LlmConfig {
        vendor: Vendor::OpenAi,
        endpoint: endpoint(),
        model: "luna".into(),
        options: LlmOptions::default(),
    }
}

/// All events of a body, its end included.
fn read(stream: &mut ChatStream, body: &str) -> Result<Vec<ChatEvent>, FaultKind> {
    let mut events = stream.push(body.as_bytes()).map_err(|fault| fault.kind)?;
    events.extend(stream.end().map_err(|fault| fault.kind)?);
    Ok(events)
}

fn check(chunks: &[Value], done: bool, expected: Result<Vec<ChatEvent>, FaultKind>) {
    let mut body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    if done {
        body.push_str("data: [DONE]\n\n");
    }
    assert_eq!(read(&mut config().stream(), &body), expected, "{body}");
}

fn delta(delta: Value) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn said(text: &str) -> ChatEvent {
    ChatEvent::Text(text.into())
}

fn called(id: &str, name: &str, arguments: &str) -> ChatEvent {
    ChatEvent::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
}

const STOP: ChatEvent = ChatEvent::Done(FinishReason::Stop);
const CALLS: ChatEvent = ChatEvent::Done(FinishReason::ToolCalls);

#[test]
fn a_plain_request_sends_nothing_the_configuration_does_not_name() {
    let chat = ChatRequest {
        messages: vec![ChatMessage::System("Be brief.".into()), ChatMessage::User("Hi".into())],
        ..Default::default()
    };
    let request = config().request(&chat);
    assert_eq!(request.url, "http://127.0.0.1:8000/chat/completions");
    assert_eq!(
        body(&request.body),
        json!({"model": "luna", "stream": true,
            "stream_options": {"include_usage": true, "include_obfuscation": false},
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]})
    );
    assert!(request.headers.iter().any(|h| h.name == "authorization" && h.value == "Bearer k3y"));
    assert!(!format!("{request:?}").contains("k3y"), "the key is printed");
}

#[test]
fn options_tools_and_their_answers_reach_the_body() {
    let mut config = config();
    config.options = LlmOptions {
        temperature: Some(0.7),
        max_tokens: Some(300),
        reasoning_effort: Some("none".into()),
        extra: json!({"verbosity": "low", "temperature": 0.2}).as_object().unwrap().clone(),
    };
    let call = ToolCall { id: "c1".into(), name: "find".into(), arguments: "{\"day\":1}".into() };
    let chat = ChatRequest {
        messages: vec![
            ChatMessage::User("When?".into()),
            ChatMessage::Assistant { text: String::new(), tool_calls: vec![call] },
            ChatMessage::ToolResult { call_id: "c1".into(), content: "Monday".into(), is_error: false },
            ChatMessage::Assistant { text: "On Monday.".into(), tool_calls: vec![] },
        ],
        tools: vec![Tool {
            name: "find".into(),
            description: "Finds.".into(),
            parameters: json!({"type": "object"}),
        }],
        tool_choice: ToolChoice::Named("find".into()),
    };
    let body = body(&config.request(&chat).body);
    assert_eq!(body["max_completion_tokens"], 300);
    assert_eq!(body["reasoning_effort"], "none");
    assert_eq!(body["temperature"], 0.2, "what the configuration adds wins");
    assert_eq!(body["verbosity"], "low");
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "find"}}));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "When?"},
            {"role": "assistant", "content": null, "tool_calls":
                [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{\"day\":1}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "Monday"},
            {"role": "assistant", "content": "On Monday."},
        ])
    );
}

#[test]
fn every_compatible_address_gets_its_path_and_key() {
    for (vendor, base, url, header) in [
        (Vendor::Groq, "http://h/openai/v1?a=1", "http://h/openai/v1/chat/completions?a=1", "authorization"),
        (
            Vendor::OpenAi,
            "https://api.openai.com/v1/",
            "https://api.openai.com/v1/chat/completions",
            "authorization",
        ),
        (
            Vendor::Groq,
            "https://api.groq.com",
            "https://api.groq.com/openai/v1/chat/completions",
            "authorization",
        ),
        (Vendor::Groq, "http://h/openai/v1", "http://h/openai/v1/chat/completions", "authorization"),
        (
            Vendor::OpenAi,
            "https://r.openai.azure.com/openai/deployments/d?api-version=1",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "api-key",
        ),
    ] {
        let config = LlmConfig { vendor, endpoint: Endpoint::new(base, "k3y"), ..config() };
        let request = config.request(&ChatRequest::default());
        assert_eq!(request.url, url);
        assert_eq!(request.headers[0].name, header, "{base}");
    }
}

#[test]
fn words_usage_and_the_end_come_in_order() {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4}}});
    let counted = ChatEvent::Usage(Usage { input_tokens: 9, cached_tokens: 4, output_tokens: 2 });
    check(
        &[
            delta(json!({"role": "assistant", "content": "", "refusal": null})),
            delta(json!({"content": "Hel"})),
            delta(json!({"content": "lo"})),
            finish("stop"),
            usage,
        ],
        true,
        Ok(vec![said("Hel"), said("lo"), counted, STOP]),
    );
}

#[test]
fn parallel_tool_calls_are_put_together_by_index() {
    let piece = |index: u64, arguments: &str| {
        delta(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
    };
    let first = |index: u64, id: &str, name: &str| {
        delta(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]}),
        )
    };
    check(
        &[
            delta(json!({"content": "One moment."})),
            first(1, "b", "second"),
            first(0, "a", "first"),
            piece(0, "{\"x\""),
            piece(1, "{}"),
            piece(0, ":1}"),
            finish("tool_calls"),
        ],
        true,
        Ok(vec![said("One moment."), called("a", "first", "{\"x\":1}"), called("b", "second", "{}"), CALLS]),
    );
}

#[test]
fn compatible_servers_are_understood() {
    // A whole call in one chunk, no index, no id, finish reason stop; no end mark.
    let whole =
        delta(json!({"role": "", "tool_calls": [{"function": {"name": "find", "arguments": {"day": 1}}}]}));
    check(&[whole, finish("stop")], false, Ok(vec![called("call_0", "find", "{\"day\":1}"), CALLS]));
    // Pieces without index: a new id is a new call.
    let piece = |fragment: Value| delta(json!({"tool_calls": [fragment]}));
    check(
        &[
            piece(json!({"id": "a", "function": {"name": "one", "arguments": "{"}})),
            piece(json!({"function": {"arguments": "}"}})),
            piece(json!({"id": "b", "function": {"name": "two"}})),
            finish("tool_calls"),
        ],
        true,
        Ok(vec![called("a", "one", "{}"), called("b", "two", ""), CALLS]),
    );
    // Azure's first chunk; a millisecond time; a name repeated; an empty finish reason; Groq's own usage.
    let azure = json!({"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]});
    let groq = json!({"created": 1_767_225_600_000_u64, "service_tier": "on_demand", "x_groq": {"id": "r", "usage":
        {"prompt_tokens": 3, "completion_tokens": 1}}, "choices": [{"delta": {"content": "Hi", "reasoning": "…"}, "finish_reason": ""}]});
    let usage = ChatEvent::Usage(Usage { input_tokens: 3, cached_tokens: 0, output_tokens: 1 });
    check(&[azure, groq, finish("stop")], true, Ok(vec![said("Hi"), usage, STOP]));
    let again = piece(json!({"index": 0, "id": "a", "function": {"name": "find", "arguments": ""}}));
    check(&[again.clone(), again, finish("stop")], true, Ok(vec![called("a", "find", ""), CALLS]));
    check(&[finish("abort")], true, Ok(vec![ChatEvent::Done(FinishReason::Other("abort".into()))]));
}

#[test]
fn a_call_cut_at_the_longest_length_is_not_run() {
    let begun = delta(
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "find", "arguments": "{\"d"}}]}),
    );
    check(&[begun, finish("length")], true, Ok(vec![ChatEvent::Done(FinishReason::Length)]));
}

#[test]
fn a_failure_inside_the_stream_is_a_fault() {
    let error = |code: &str, kind: &str| json!({"error": {"message": "…", "type": kind, "code": code}});
    for (error, kind) in [
        (error("rate_limit_exceeded", "requests"), FaultKind::RateLimited),
        (error("insufficient_quota", "insufficient_quota"), FaultKind::Quota),
        (json!({"error": {"message": "…", "type": "overloaded_error"}}), FaultKind::Overloaded),
        (json!({"error": "something"}), FaultKind::Unavailable),
    ] {
        check(&[delta(json!({"content": "Hel"})), error], true, Err(kind));
    }
}

#[test]
fn a_stream_that_stops_in_the_middle_is_a_fault() {
    check(&[delta(json!({"content": "Hel"}))], false, Err(FaultKind::Truncated));
    let mut stream = config().stream();
    assert_eq!(stream.push(b"data: {\"choices\":[{\"del\n\n").unwrap_err().kind, FaultKind::Malformed);
}

#[test]
fn arguments_are_an_object_or_an_error() {
    let arguments =
        |text: &str| ToolCall { id: String::new(), name: String::new(), arguments: text.into() }.arguments();
    assert!(arguments("").unwrap().is_empty());
    assert_eq!(arguments("{\"a\":1}").unwrap()["a"], 1);
    assert!(arguments("{\"a\":").is_err());
    assert!(arguments("[1]").is_err());
}
