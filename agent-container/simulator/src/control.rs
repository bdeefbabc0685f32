//! The control port: `GET /counters`, `GET /behaviour`, `POST /reset`, `POST /behaviour/{service}` (from now on),
//! `POST /next/{service}` (next connection only), the last two with a [`Behaviour`] as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::behaviour::{Behaviour, Service};
use crate::counters::Counters;
use crate::world::World;

type Shared = State<Arc<World>>;

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/counters", get(counters))
        .route("/reset", post(reset))
        .route("/behaviour", get(behaviours))
        .route("/behaviour/{service}", post(behaviour))
        .route("/next/{service}", post(next))
        .with_state(world.clone())
}

async fn counters(State(world): Shared) -> Json<Counters> {
    Json(world.ledger.read())
}

async fn behaviours(State(world): Shared) -> Json<BTreeMap<Service, Behaviour>> {
    Json(world.behaviours())
}

async fn reset(State(world): Shared) -> StatusCode {
    world.ledger.reset();
    world.forget();
    StatusCode::NO_CONTENT
}

async fn behaviour(
    State(world): Shared,
    Path(service): Path<Service>,
    Json(behaviour): Json<Behaviour>,
) -> StatusCode {
    world.set(service, behaviour);
    StatusCode::NO_CONTENT
}

async fn next(
    State(world): Shared,
    Path(service): Path<Service>,
    Json(behaviour): Json<Behaviour>,
) -> StatusCode {
    world.set_next(service, behaviour);
    StatusCode::NO_CONTENT
}
