//! Refused requests and upgrades, in each vendor's own shape.

use axum::Json;
use axum::extract::ws::{CloseFrame, Message};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::behaviour::{FaultKind, Service};
use crate::{
    anthropic, assemblyai, deepgram_flux, deepgram_listen, elevenlabs, openai_chat, openai_realtime,
};

/// Name of the shape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Deepgram,
    OpenAi,
    Anthropic,
    ElevenLabs,
    AssemblyAi,
}

impl Service {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::DeepgramListen | Self::DeepgramFlux | Self::DeepgramSpeak => Shape::Deepgram,
            Self::Elevenlabs => Shape::ElevenLabs,
            Self::Anthropic => Shape::Anthropic,
            Self::Assemblyai => Shape::AssemblyAi,
            Self::OpenaiChat
            | Self::OpenaiTranscriptions
            | Self::OpenaiSpeech
            | Self::OpenaiRealtime
            | Self::GroqChat
            | Self::GroqTranscriptions
            | Self::GroqSpeech => Shape::OpenAi,
        }
    }
}

/// The refusal for a fault that comes before any answer.
pub(crate) fn refuse(service: Service, fault: FaultKind) -> Response {
    let (status, code, message) = match (fault, service.shape()) {
        (FaultKind::Unauthorized, Shape::Deepgram) => (401, "INVALID_AUTH", "Invalid credentials."),
        (FaultKind::Unauthorized, Shape::Anthropic) => (401, "authentication_error", "invalid x-api-key"),
        (FaultKind::Unauthorized, _) => (401, "invalid_api_key", "Incorrect API key provided."),
        (FaultKind::RateLimited, Shape::Deepgram) => {
            (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
        }
        (FaultKind::RateLimited, Shape::Anthropic) => {
            (429, "rate_limit_error", "Rate limit reached for requests.")
        }
        (FaultKind::Unavailable, Shape::Anthropic) => (529, "overloaded_error", "Overloaded"),
        (FaultKind::RateLimited, Shape::OpenAi | Shape::AssemblyAi) => {
            (429, "rate_limit_exceeded", "Rate limit reached for requests.")
        }
        (FaultKind::RateLimited, Shape::ElevenLabs) => {
            (429, "too_many_concurrent_requests", "Too many concurrent requests.")
        }
        (_, _) => (503, "service_unavailable", "The service is temporarily unavailable."),
    };
    error(service, status, code, message)
}

/// An error response.
pub(crate) fn error(service: Service, status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match service.shape() {
        Shape::Deepgram => json!({"err_code": code, "err_msg": message, "request_id": request_id()}),
        Shape::OpenAi => openai_error(code, message),
        Shape::Anthropic => {
            json!({"type": "error", "error": {"type": code, "message": message}, "request_id": "req_simulated"})
        }
        Shape::AssemblyAi => json!({"error": message}),
        Shape::ElevenLabs => json!({"detail": {"status": code, "message": message}}),
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    match service.shape() {
        Shape::Deepgram => {
            headers.insert("dg-request-id", HeaderValue::from_static(request_id()));
            headers.insert(
                "dg-error",
                HeaderValue::from_str(message).unwrap_or(HeaderValue::from_static("error")),
            );
        }
        _ if status == StatusCode::TOO_MANY_REQUESTS => {
            headers.insert("retry-after", HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

/// OpenAI's error object, also inside streams.
pub(crate) fn openai_error(code: &str, message: &str) -> Value {
    let kind = match code {
        "rate_limit_exceeded" => "requests",
        "server_error" | "service_unavailable" => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// Any UUID does.
pub(crate) fn request_id() -> &'static str {
    "5f1d3f2e-8c0a-4b0e-9a56-2d1c6a7b8c9d"
}

impl Service {
    /// What the vendor says when it fails in the middle of a stream.
    pub(crate) fn last_words(self) -> Vec<Message> {
        let text = |value: Value| Message::Text(value.to_string().into());
        match self {
            Self::DeepgramListen | Self::DeepgramSpeak => deepgram_listen::last_words(),
            Self::DeepgramFlux => vec![text(deepgram_flux::last_words()), close(1011, "")],
            Self::OpenaiRealtime => {
                vec![text(openai_realtime::error_message("server_error", "server_error", "Sorry!"))]
            }
            Self::Anthropic => vec![text(anthropic::last_words())],
            Self::Assemblyai => {
                vec![text(assemblyai::last_words(3005, "Server error")), close(3005, "Server error")]
            }
            Self::OpenaiChat
            | Self::OpenaiTranscriptions
            | Self::OpenaiSpeech
            | Self::GroqChat
            | Self::GroqTranscriptions
            | Self::GroqSpeech => vec![text(openai_chat::last_words())],
            Self::Elevenlabs => elevenlabs::last_words("quota_exceeded", "This request exceeds your quota."),
        }
    }

    /// What the vendor says when a session is too old.
    pub(crate) fn expiry(self) -> Vec<Message> {
        match self {
            Self::Elevenlabs => elevenlabs::last_words(
                "input_timeout_exceeded",
                "Have not received a new text input within the timeout of 20 seconds. Streaming input terminated.",
            ),
            Self::OpenaiRealtime => {
                let words = "Your session hit the maximum duration of 60 minutes.";
                let error = openai_realtime::error_message("invalid_request_error", "session_expired", words);
                vec![Message::Text(error.to_string().into()), close(1001, "")]
            }
            Self::Assemblyai => {
                let words = "Session expired: maximum session duration exceeded";
                vec![
                    Message::Text(assemblyai::last_words(3008, words).to_string().into()),
                    close(3008, words),
                ]
            }
            _ => self.last_words(),
        }
    }
}

pub(crate) fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
