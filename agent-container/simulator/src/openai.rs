//! OpenAI's paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};

use crate::world::World;
use crate::{openai_audio, openai_chat, openai_realtime};

/// Largest upload of the vendors.
const LARGEST_FILE: usize = 25 << 20;

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(openai_chat::openai))
        .route("/v1/audio/transcriptions", post(openai_audio::openai_transcription))
        .route("/v1/audio/speech", post(openai_audio::openai_speech))
        .route("/v1/realtime", any(openai_realtime::connect))
        .route("/v1/models", get(openai_chat::models))
        .layer(DefaultBodyLimit::max(LARGEST_FILE))
        .with_state(world.clone())
}
