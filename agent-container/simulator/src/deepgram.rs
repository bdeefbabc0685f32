//! Deepgram's paths.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};

use crate::world::World;
use crate::{deepgram_flux, deepgram_listen, deepgram_speak};

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/v1/listen", any(deepgram_listen::listen))
        .route("/v2/listen", any(deepgram_flux::listen))
        .route("/v1/speak", get(deepgram_speak::socket).post(deepgram_speak::whole))
        .with_state(world.clone())
}
