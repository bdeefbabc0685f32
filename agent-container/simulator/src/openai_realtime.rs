//! OpenAI Realtime, GA shape, over a WebSocket.

mod response;
mod session;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use crate::behaviour::Service;
use crate::refusal::error;
use crate::world::World;
use session::Session;

const SERVICE: Service = Service::OpenaiRealtime;

pub(crate) async fn connect(
    State(world): State<Arc<World>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let behaviour = world.admit(SERVICE, &headers).await?;
    let model = query.iter().find(|(name, _)| name == "model").map(|(_, model)| model.clone());
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        world.ledger.count(SERVICE, |counts| counts.refused += 1);
        return Err(error(SERVICE, 400, "missing_model", "You must provide a model parameter."));
    };
    let beta = headers.contains_key("openai-beta");
    world.ledger.request(SERVICE, json!({"model": model}));
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _ = Session::run(world, behaviour, socket, model, beta).await;
    }))
}

/// An error event.
pub(crate) fn error_message(kind: &str, code: &str, message: &str) -> Value {
    json!({"type": "error", "event_id": "event_error",
        "error": {"type": kind, "code": code, "message": message, "param": null, "event_id": null}})
}
