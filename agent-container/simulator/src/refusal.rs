//! Refused requests and upgrades, in each vendor's own shape.

use axum::Json;
use axum::extract::ws::Message;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::behaviour::{FaultKind, Service};
use crate::{deepgram_listen, elevenlabs, openai_chat};

/// Name of the shape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Deepgram,
    OpenAi,
    ElevenLabs,
}

impl Service {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::DeepgramListen => Shape::Deepgram,
            Self::OpenaiChat => Shape::OpenAi,
            Self::Elevenlabs => Shape::ElevenLabs,
        }
    }
}

/// The refusal for a fault that comes before any answer.
pub(crate) fn refuse(service: Service, fault: FaultKind) -> Response {
    let (status, code, message) = match (fault, service.shape()) {
        (FaultKind::Unauthorized, Shape::Deepgram) => (401, "INVALID_AUTH", "Invalid credentials."),
        (FaultKind::Unauthorized, _) => (401, "invalid_api_key", "Incorrect API key provided."),
        (FaultKind::RateLimited, Shape::Deepgram) => {
            (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
        }
        (FaultKind::RateLimited, Shape::OpenAi) => {
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
            Self::DeepgramListen => deepgram_listen::last_words(),
            Self::OpenaiChat => vec![text(openai_chat::last_words())],
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
            _ => self.last_words(),
        }
    }
}
