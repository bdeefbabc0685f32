//! OpenAI Realtime.

use serde_json::{Map, Value, json};
use speech::{
    ChatMessage, Endpoint, FaultKind, Outcome, RealtimeConfig, RealtimeEvent, RealtimeSocket, Tool, ToolCall,
    ToolChoice, TurnDetection, Usage, WsMessage,
};

use crate::{endpoint, json, text};

fn config(turns: TurnDetection) -> RealtimeConfig {
    RealtimeConfig {
        endpoint: endpoint(),
        model: "real".into(),
        voice: "amy".into(),
        instructions: "Be brief.".into(),
        tools: vec![Tool {
            name: "find".into(),
            description: "Finds.".into(),
            parameters: json!({"type": "object"}),
        }],
        tool_choice: ToolChoice::Auto,
        transcription_model: Some("scribe".into()),
        language: None,
        turns,
        max_output_tokens: None,
        history: Vec::new(),
        extra: Map::new(),
    }
}

const SERVER: TurnDetection =
    TurnDetection::Server { threshold: 0.7, prefix_padding_ms: 300, silence_ms: 400, idle_timeout_ms: None };

fn sent(session: &mut RealtimeSocket) -> Vec<Value> {
    json(&std::iter::from_fn(|| session.poll_send()).collect::<Vec<_>>())
}

fn hear(session: &mut RealtimeSocket, message: Value) -> Vec<RealtimeEvent> {
    let events = session.decode(text(&message.to_string())).unwrap();
    events.into_iter().filter(|event| !matches!(event, RealtimeEvent::Ignored(_))).collect()
}

fn ready(config: RealtimeConfig) -> RealtimeSocket {
    let mut session = RealtimeSocket::new(config);
    hear(&mut session, json!({"type": "session.created", "session": {"id": "s"}}));
    hear(&mut session, json!({"type": "session.updated", "session": {}}));
    sent(&mut session);
    session
}

/// Half a second of audio of an item.
fn audio(item: &str) -> Value {
    let half_second = "A".repeat(32_000);
    json!({"type": "response.output_audio.delta", "response_id": "r", "item_id": item, "delta": half_second})
}

fn done(status: &str) -> Value {
    json!({"type": "response.done", "response": {"status": status, "usage": null}})
}

/// The n-th reply asked for.
fn create(n: u64, response: &Value) -> Value {
    json!({"type": "response.create", "event_id": format!("respond{n}"), "response": response})
}

#[test]
fn the_session_is_configured_before_anything_else() {
    let mut config = config(SERVER);
    config.history = vec![
        ChatMessage::User("Hi".into()),
        ChatMessage::Assistant { text: "Hello!".into(), tool_calls: vec![] },
    ];
    let mut session = RealtimeSocket::new(config);
    let request = session.connect();
    assert_eq!(request.url, "ws://127.0.0.1:8000/realtime?model=real");
    assert_eq!(
        request.headers.iter().map(|h| h.name).collect::<Vec<_>>(),
        ["authorization"],
        "no beta header"
    );
    session.audio(&[1; 480]);
    assert_eq!(sent(&mut session), [] as [Value; 0]);
    assert_eq!(hear(&mut session, json!({"type": "session.created", "session": {"id": "s"}})), []);
    let format = json!({"type": "audio/pcm", "rate": 24000});
    let detection = json!({"type": "server_vad", "threshold": 0.7, "prefix_padding_ms": 300,
        "silence_duration_ms": 400, "idle_timeout_ms": null, "create_response": true, "interrupt_response": false});
    assert_eq!(
        sent(&mut session),
        [json!({"type": "session.update", "session": {
            "type": "realtime", "output_modalities": ["audio"], "instructions": "Be brief.",
            "audio": {"input": {"format": format, "turn_detection": detection, "transcription": {"model": "scribe"}},
                "output": {"format": format, "voice": "amy"}},
            "tools": [{"type": "function", "name": "find", "description": "Finds.", "parameters": {"type": "object"}}],
            "tool_choice": "auto",
        }})]
    );
    let ready = hear(&mut session, json!({"type": "session.updated", "session": {}}));
    assert_eq!(ready, [RealtimeEvent::Ready { session_id: "s".into() }]);
    let item = |role: &str, kind: &str, text: &str| {
        json!({"type": "conversation.item.create", "item":
            {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}})
    };
    assert_eq!(
        sent(&mut session),
        [item("user", "input_text", "Hi"), item("assistant", "output_text", "Hello!")]
    );
    session.audio(&[1, -2]);
    assert_eq!(sent(&mut session), [json!({"type": "input_audio_buffer.append", "audio": "AQD+/w=="})]);
}

#[test]
fn azure_gets_its_address_and_key_and_a_session_without_a_voice_is_the_vendors() {
    let mut config = config(SERVER);
    config.endpoint = Endpoint::new("https://r.openai.azure.com/openai/v1/", "k3y");
    config.voice = String::new();
    let mut session = RealtimeSocket::new(config);
    let request = session.connect();
    assert_eq!(request.url, "wss://r.openai.azure.com/openai/v1/realtime?model=real");
    assert_eq!((request.headers[0].name, request.headers[0].value.as_str()), ("api-key", "k3y"));
    hear(&mut session, json!({"type": "session.created", "session": {"id": "s"}}));
    let output = &sent(&mut session)[0]["session"]["audio"]["output"];
    assert_eq!(output, &json!({"format": {"type": "audio/pcm", "rate": 24000}}));
}

#[test]
fn a_turn_is_heard_in_the_names_of_today_and_of_the_beta() {
    for (audio, words) in [
        ("response.output_audio.delta", "response.output_audio_transcript.delta"),
        ("response.audio.delta", "response.audio_transcript.delta"),
    ] {
        let mut session = ready(config(SERVER));
        let usage = json!({"total_tokens": 5, "input_tokens": 3, "output_tokens": 2,
            "input_token_details": {"cached_tokens": 1}});
        let turn = [
            json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": "c"}),
            json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": "c"}),
            json!({"type": "input_audio_buffer.committed", "item_id": "c"}),
            json!({"type": "response.created", "response": {"status": "in_progress"}}),
            json!({"type": "rate_limits.updated", "rate_limits": []}),
            json!({"type": words, "item_id": "i", "delta": "Hel"}),
            json!({"type": audio, "item_id": "i", "delta": "AQAC"}),
            json!({"type": audio, "item_id": "i", "delta": "AA=="}),
            json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "c", "transcript": "Hi"}),
            json!({"type": "response.done", "response": {"status": "completed", "usage": usage}}),
        ];
        let heard: Vec<_> = turn.into_iter().flat_map(|message| hear(&mut session, message)).collect();
        let piece = |samples: &[i16]| RealtimeEvent::Audio { item: "i".into(), samples: samples.to_vec() };
        assert_eq!(
            heard,
            [
                RealtimeEvent::SpeechStarted { at_ms: 100 },
                RealtimeEvent::SpeechStopped { at_ms: 900 },
                RealtimeEvent::ResponseStarted,
                RealtimeEvent::Text { item: "i".into(), text: "Hel".into() },
                piece(&[1]),
                piece(&[2]),
                RealtimeEvent::CallerFinal("Hi".into()),
                RealtimeEvent::ResponseDone {
                    outcome: Outcome::Completed,
                    usage: Some(Usage { input_tokens: 3, cached_tokens: 1, output_tokens: 2 }),
                },
            ]
        );
        assert!(session.idle());
    }
}

#[test]
fn after_a_barge_in_the_model_knows_what_was_heard() {
    let truncated = |ms: u64| json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": ms});
    for (played_ms, expected) in [
        (300, truncated(300)),
        // Never more than was received: sessions were seen to stay silent after that error.
        (60_000, truncated(500)),
        (0, json!({"type": "conversation.item.delete", "item_id": "i"})),
    ] {
        let mut session = ready(config(SERVER));
        hear(&mut session, json!({"type": "response.created", "response": {}}));
        assert_eq!(hear(&mut session, audio("i")).len(), 1);
        session.cancel();
        session.interrupt("i", played_ms);
        assert_eq!(sent(&mut session), [json!({"type": "response.cancel"}), expected], "{played_ms}");
        assert_eq!(hear(&mut session, audio("i")), [], "late audio");
        let late = json!({"type": "response.output_audio_transcript.delta", "item_id": "i", "delta": "x"});
        assert_eq!(hear(&mut session, late), [], "late words");
        let over = RealtimeEvent::ResponseDone { outcome: Outcome::Cancelled, usage: None };
        assert_eq!(hear(&mut session, done("cancelled")), [over]);
        assert_eq!(hear(&mut session, audio("j")).len(), 1, "the next reply is heard");
    }
}

#[test]
fn with_our_own_turns_the_reply_is_cancelled_by_us_too() {
    let mut session = ready(config(TurnDetection::Ours));
    session.commit();
    assert_eq!(sent(&mut session), [json!({"type": "input_audio_buffer.commit"}), create(1, &json!({}))]);
    hear(&mut session, json!({"type": "response.created", "response": {}}));
    hear(&mut session, audio("i"));
    session.interrupt("i", 200);
    assert_eq!(sent(&mut session)[0], json!({"type": "response.cancel"}));
}

#[test]
fn the_reply_goes_on_after_the_last_tool_result_and_not_before_it_is_over() {
    let call = |id: &str| json!({"type": "response.function_call_arguments.done", "call_id": id, "name": "find", "arguments": "{}"});
    let result = |id: &str| {
        json!({"type": "conversation.item.create", "item":
            {"type": "function_call_output", "call_id": id, "output": "ok"}})
    };
    let go_on = create(1, &json!({}));
    let mut session = ready(config(SERVER));
    hear(&mut session, json!({"type": "response.created", "response": {}}));
    let asked =
        RealtimeEvent::ToolCall(ToolCall { id: "a".into(), name: "find".into(), arguments: "{}".into() });
    assert_eq!(hear(&mut session, call("a")), [asked]);
    hear(&mut session, call("b"));
    session.tool_result("a", "ok");
    assert_eq!(sent(&mut session), [result("a")]);
    hear(&mut session, done("completed"));
    assert!(!session.idle(), "a tool is still running");
    session.tool_result("b", "ok");
    session.tool_result("b", "twice");
    assert_eq!(sent(&mut session), [result("b"), go_on.clone()]);
    // Quicker than the end of the reply.
    let mut session = ready(config(SERVER));
    hear(&mut session, json!({"type": "response.created", "response": {}}));
    hear(&mut session, call("a"));
    session.tool_result("a", "ok");
    assert_eq!(sent(&mut session), [result("a")]);
    hear(&mut session, done("completed"));
    assert_eq!(sent(&mut session), [go_on]);
}

#[test]
fn a_reply_asked_for_too_early_comes_later() {
    let mut session = ready(config(SERVER));
    session.respond(Some("Greet."));
    assert_eq!(sent(&mut session), [create(1, &json!({"instructions": "Greet."}))]);
    session.respond(None);
    assert_eq!(sent(&mut session), [] as [Value; 0]);
    hear(&mut session, done("completed"));
    assert_eq!(sent(&mut session), [create(2, &json!({}))]);
}

#[test]
fn a_reply_the_vendor_refuses_is_over_and_the_next_one_is_asked_for() {
    let refused = |id: &str| {
        json!({"type": "error", "event_id": "e", "error": {"type": "server_error",
        "code": "rate_limit_exceeded", "message": "…", "event_id": id}})
    };
    let mut session = ready(config(SERVER));
    session.respond(None);
    assert_eq!(hear(&mut session, refused("another")), [], "about something else");
    assert!(!session.idle());
    let heard = hear(&mut session, refused("respond1"));
    assert!(
        matches!(&heard[..], [RealtimeEvent::ResponseDone { outcome: Outcome::Failed(fault), usage: None }]
            if fault.kind == FaultKind::RateLimited),
        "{heard:?}"
    );
    assert!(session.idle());
    sent(&mut session);
    session.respond(None);
    assert_eq!(sent(&mut session), [create(2, &json!({}))], "it is not taken for one under way");
}

#[test]
fn errors_are_benign_or_the_end() {
    let error = |code: &str| json!({"type": "error", "error": {"type": "invalid_request_error", "code": code, "message": "…"}});
    for code in ["response_cancel_not_active", "input_audio_buffer_commit_empty", "unsupported_content_type"]
    {
        assert_eq!(hear(&mut ready(config(SERVER)), error(code)), [], "{code}");
    }
    for (code, kind) in [
        ("session_expired", FaultKind::Expired),
        ("insufficient_quota", FaultKind::Quota),
        ("invalid_api_key", FaultKind::Credentials),
        ("beta_api_shape_disabled", FaultKind::Refused),
    ] {
        let fault = ready(config(SERVER)).decode(text(&error(code).to_string())).unwrap_err();
        assert_eq!(fault.kind, kind, "{code}");
    }
    // Before the session is configured everything is the end.
    let fault =
        RealtimeSocket::new(config(SERVER)).decode(text(&error("invalid_value").to_string())).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unavailable);
    let failed = json!({"type": "response.done", "response": {"status": "failed", "status_details":
        {"type": "failed", "error": {"code": "rate_limit_exceeded", "message": "…"}}}});
    let heard = hear(&mut ready(config(SERVER)), failed);
    assert!(
        matches!(&heard[..], [RealtimeEvent::ResponseDone { outcome: Outcome::Failed(fault), .. }]
            if fault.kind == FaultKind::RateLimited),
        "{heard:?}"
    );
}

#[test]
fn closes_say_why() {
    for (code, reason, kind) in [
        (4000, "invalid_request_error.beta_api_shape_disabled", FaultKind::Refused),
        (1001, "", FaultKind::Disconnected),
        (1006, "", FaultKind::Disconnected),
        (1000, "invalid_request_error.session_expired", FaultKind::Expired),
    ] {
        let close = WsMessage::Close { code, reason: reason.into() };
        assert_eq!(ready(config(SERVER)).decode(close).unwrap_err().kind, kind, "{code} {reason}");
    }
}
