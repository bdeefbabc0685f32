//! A reply of the model: everything it will send, with the time for each.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::openai_chat::arguments;
use crate::reply::{Answer, tokens};
use crate::sound::Format;

/// Audio in one event.
const CHUNK_MS: u64 = 100;

/// An event to send.
pub(super) struct Planned {
    pub(super) due: Instant,
    pub(super) event: Value,
    /// Milliseconds of audio in it.
    pub(super) audio_ms: u64,
}

/// A reply under way.
pub(super) struct Reply {
    pub(super) id: String,
    pub(super) item: String,
    pub(super) planned: VecDeque<Planned>,
    pub(super) output: Vec<Value>,
}

/// What a reply is made of.
pub(super) struct Material {
    pub(super) number: u64,
    pub(super) answer: Answer,
    pub(super) samples: Vec<i16>,
    pub(super) format: Format,
    pub(super) delay: Duration,
    pub(super) rate: f64,
}

impl Reply {
    pub(super) fn plan(material: &Material) -> Self {
        let (number, start) = (material.number, Instant::now());
        let mut reply = Self {
            id: format!("resp_{number}"),
            item: format!("item_reply_{number}"),
            planned: VecDeque::new(),
            output: Vec::new(),
        };
        let created =
            json!({"type": "response.created", "response": reply.response("in_progress", Value::Null)});
        reply.push(start, created);
        reply.push(start, rate_limits());
        let begun = start + material.delay;
        let ended = if material.answer.text.is_empty() { begun } else { reply.speak(begun, material) };
        for (n, tool) in material.answer.tools.iter().enumerate() {
            reply.ask(ended, number, n, &tool.name, &arguments(tool));
        }
        let mut done = reply.response("completed", Value::Null);
        done["usage"] = usage(&material.answer.text);
        reply.push(ended, json!({"type": "response.done", "response": done}));
        reply
    }

    /// The state of the reply as an object.
    pub(super) fn response(&self, status: &str, details: Value) -> Value {
        json!({"object": "realtime.response", "id": self.id, "status": status, "status_details": details,
            "output": self.output, "conversation_id": "conv_simulated", "output_modalities": ["audio"],
            "max_output_tokens": "inf", "usage": null, "metadata": null,
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "simulated"}}})
    }

    /// Audio and words, interleaved and faster than real time; when it ends.
    fn speak(&mut self, begun: Instant, material: &Material) -> Instant {
        let text = &material.answer.text;
        let (response, id) = (self.id.clone(), self.item.clone());
        let place = |mut event: Value| {
            event["response_id"] = response.clone().into();
            event["item_id"] = id.clone().into();
            event["output_index"] = 0.into();
            event["content_index"] = 0.into();
            event
        };
        let item = |status: &str, content: Value| {
            json!({"id": id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
                "content": content})
        };
        let fresh = item("in_progress", json!([]));
        self.push(begun, json!({"type": "response.output_item.added", "response_id": response, "output_index": 0, "item": fresh}));
        self.push(begun, json!({"type": "conversation.item.added", "previous_item_id": null, "item": fresh}));
        let part = |transcript: &str| json!({"type": "audio", "transcript": transcript});
        self.push(begun, place(json!({"type": "response.content_part.added", "part": part("")})));
        let ended = self.sound(begun, material, &place);
        let whole = item("completed", json!([{"type": "output_audio", "transcript": text}]));
        self.push(ended, place(json!({"type": "response.output_audio.done"})));
        self.push(ended, place(json!({"type": "response.output_audio_transcript.done", "transcript": text})));
        self.push(ended, place(json!({"type": "response.content_part.done", "part": part(text)})));
        self.push(ended, json!({"type": "conversation.item.done", "previous_item_id": null, "item": whole}));
        self.push(ended, json!({"type": "response.output_item.done", "response_id": response, "output_index": 0, "item": whole}));
        self.output.push(whole);
        ended
    }

    /// The words come a little before the audio they belong to.
    fn sound(&mut self, begun: Instant, material: &Material, place: &impl Fn(Value) -> Value) -> Instant {
        let Material { answer, samples, format, rate, .. } = material;
        let bytes = format.encode(samples);
        let chunks: Vec<&[u8]> = bytes.chunks(format.bytes_per_second() * CHUNK_MS as usize / 1000).collect();
        let words = tokens(&answer.text);
        let mut told = 0;
        let at = |n: usize| begun + Duration::from_millis(CHUNK_MS * n as u64).div_f64(*rate);
        for (n, chunk) in chunks.iter().enumerate() {
            let until = words.len() * (n + 1) / chunks.len();
            for word in &words[told..until] {
                self.push(
                    at(n),
                    place(json!({"type": "response.output_audio_transcript.delta", "delta": word})),
                );
            }
            told = until;
            let event =
                place(json!({"type": "response.output_audio.delta", "delta": STANDARD.encode(chunk)}));
            let audio_ms = (chunk.len() * 1000 / format.bytes_per_second()) as u64;
            self.planned.push_back(Planned { due: at(n), event, audio_ms });
        }
        at(chunks.len())
    }

    fn ask(&mut self, at: Instant, number: u64, n: usize, name: &str, arguments: &str) {
        let (response, index) = (self.id.clone(), self.output.len());
        let (id, call) = (format!("item_call_{number}_{n}"), format!("call_{number}_{n}"));
        let item = |status: &str, arguments: &str| {
            json!({"id": id, "object": "realtime.item", "type": "function_call", "status": status, "name": name,
                "call_id": call, "arguments": arguments})
        };
        let place = |mut event: Value| {
            event["response_id"] = response.clone().into();
            event["item_id"] = id.clone().into();
            event["output_index"] = index.into();
            event["call_id"] = call.clone().into();
            event
        };
        let added = json!({"type": "response.output_item.added", "response_id": response, "output_index": index,
            "item": item("in_progress", "")});
        self.push(at, added);
        self.push(at, json!({"type": "conversation.item.added", "previous_item_id": null, "item": item("in_progress", "")}));
        self.push(at, place(json!({"type": "response.function_call_arguments.delta", "delta": arguments})));
        self.push(at, place(json!({"type": "response.function_call_arguments.done", "name": name, "arguments": arguments})));
        let whole = item("completed", arguments);
        self.push(at, json!({"type": "conversation.item.done", "previous_item_id": null, "item": whole}));
        self.push(at, json!({"type": "response.output_item.done", "response_id": response, "output_index": index, "item": whole}));
        self.output.push(whole);
    }

    fn push(&mut self, due: Instant, event: Value) {
        self.planned.push_back(Planned { due, event, audio_ms: 0 });
    }
}

fn rate_limits() -> Value {
    let limit =
        |name: &str| json!({"name": name, "limit": 10_000, "remaining": 9_999, "reset_seconds": 0.006});
    json!({"type": "rate_limits.updated", "rate_limits": [limit("requests"), limit("tokens")]})
}

fn usage(text: &str) -> Value {
    let written = tokens(text).len();
    json!({"total_tokens": 20 + written, "input_tokens": 20, "output_tokens": written,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 10, "image_tokens": 0, "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}},
        "output_token_details": {"text_tokens": 0, "audio_tokens": written}})
}
