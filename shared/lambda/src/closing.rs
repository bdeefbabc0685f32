//! What follows when a call ends.

use domain::{CallId, RoomName};
use store::{Applied, CallChange};
use telemetry::{event, field};

/// Removes the room of a call that ended by these writes: exactly one of all writes a call sees ends it.
/// Places were given back with the same transaction.
pub async fn close_if_ended(livekit: &livekit::Client, call: &CallId, applied: &Applied) {
    let Some(change) = applied.change(call).filter(|change| change.ended_now()) else {
        return;
    };
    log_end(call, change);
    remove_room(livekit, call).await;
}

/// Removes a call's room, which hangs up whoever is in it. A failure is left to the sweeper.
pub async fn remove_room(livekit: &livekit::Client, call: &CallId) {
    let room = RoomName::for_call(call);
    let Err(problem) = livekit.delete_room(&room).await else {
        return;
    };
    tracing::warn!(
        { field::EVENT } = event::ROOM_LEFT_OVER,
        { field::CALL } = %call.masked(),
        { field::ERROR } = %problem,
        "a room is left over"
    );
}

fn log_end(call: &CallId, change: &CallChange) {
    let reason = change.after.end_reason;
    tracing::info!(
        { field::EVENT } = event::CALL_ENDED,
        { field::CALL } = %call.masked(),
        { field::END_REASON } = reason.map(domain::EndReason::as_str),
        { field::WHOSE } = reason.map(|reason| reason.whose().as_str()),
        "a call ended"
    );
}
