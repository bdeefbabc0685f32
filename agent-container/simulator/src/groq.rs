//! Groq: OpenAI's protocols under `/openai/v1`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;

use crate::behaviour::Service;
use crate::world::World;
use crate::{openai_audio, openai_chat};

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/openai/v1/chat/completions", post(chat))
        .route("/openai/v1/audio/transcriptions", post(openai_audio::groq_transcription))
        .route("/openai/v1/audio/speech", post(openai_audio::groq_speech))
        .route("/openai/v1/models", get(openai_chat::models))
        .layer(axum::extract::DefaultBodyLimit::max(25 << 20))
        .with_state(world.clone())
}

async fn chat(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    openai_chat::complete(Service::GroqChat, &world, &headers, &body).await
}
