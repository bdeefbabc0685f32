//! What is sent to configure a session and to tell it what was said before.

use serde_json::{Map, Value, json};

use super::{RATE, RealtimeConfig, TurnDetection};
use crate::openai_chat::rounded;
use crate::{ChatMessage, Tool, ToolChoice};

/// The first message of ours.
pub(super) fn session(config: &RealtimeConfig) -> Value {
    let format = json!({"type": "audio/pcm", "rate": RATE});
    let mut input = Map::new();
    input.insert("format".into(), format.clone());
    input.insert("turn_detection".into(), turn_detection(&config.turns));
    if let Some(model) = &config.transcription_model {
        let mut transcription = json!({"model": model});
        if let Some(language) = &config.language {
            transcription["language"] = language.clone().into();
        }
        input.insert("transcription".into(), transcription);
    }
    let mut session = Map::new();
    session.insert("type".into(), "realtime".into());
    session.insert("output_modalities".into(), json!(["audio"]));
    session.insert("instructions".into(), config.instructions.clone().into());
    let mut output = json!({ "format": format });
    // Without a name the vendor takes a voice of its own; an empty one it refuses.
    if !config.voice.is_empty() {
        output["voice"] = config.voice.clone().into();
    }
    session.insert("audio".into(), json!({"input": input, "output": output}));
    session.insert("tools".into(), config.tools.iter().map(tool).collect());
    session.insert("tool_choice".into(), tool_choice(&config.tool_choice));
    if let Some(most) = config.max_output_tokens {
        session.insert("max_output_tokens".into(), most.into());
    }
    session.extend(config.extra.clone());
    json!({"type": "session.update", "session": session})
}

/// Whether the caller's voice is an interruption is for the dialogue to say: a greeting may not be one, nor a cough.
fn turn_detection(turns: &TurnDetection) -> Value {
    match turns {
        TurnDetection::Server { threshold, prefix_padding_ms, silence_ms, idle_timeout_ms } => json!({
            "type": "server_vad", "threshold": rounded(*threshold), "prefix_padding_ms": prefix_padding_ms,
            "silence_duration_ms": silence_ms, "idle_timeout_ms": idle_timeout_ms,
            "create_response": true, "interrupt_response": false,
        }),
        TurnDetection::Semantic { eagerness } => json!({
            "type": "semantic_vad", "eagerness": eagerness, "create_response": true, "interrupt_response": false,
        }),
        TurnDetection::Ours => Value::Null,
    }
}

fn tool(tool: &Tool) -> Value {
    json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters})
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
    }
}

/// One message as items of the conversation.
pub(super) fn item(message: &ChatMessage) -> impl Iterator<Item = Value> {
    let words = |role: &str, kind: &str, text: &str| json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]});
    let items = match message {
        ChatMessage::System(text) => vec![words("system", "input_text", text)],
        ChatMessage::User(text) => vec![words("user", "input_text", text)],
        ChatMessage::Assistant { text, tool_calls } => {
            let said = (!text.is_empty()).then(|| words("assistant", "output_text", text));
            let calls = tool_calls.iter().map(|call| {
                json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments})
            });
            said.into_iter().chain(calls).collect()
        }
        ChatMessage::ToolResult { call_id, content, .. } => {
            vec![json!({"type": "function_call_output", "call_id": call_id, "output": content})]
        }
    };
    items.into_iter().map(|item| json!({"type": "conversation.item.create", "item": item}))
}
