//! Every name that appears in a log line or a metric, once.
//!
//! Logs are JSON with flat fields; alarms and metric filters match [`event`] names, so renaming one here is
//! renaming an alarm. Field names are used as `info!({ field::CALL } = %call, …)`.
//!
//! Nothing above DEBUG carries words said, digits pressed, a full number or a secret: numbers go through
//! [`masked`].

/// Field names of log lines.
pub mod field {
    /// What happened, one of [`crate::event`].
    pub const EVENT: &str = "event";
    /// Call id.
    pub const CALL: &str = "call_id";
    /// Carrier.
    pub const PROVIDER: &str = "provider";
    /// LiveKit room.
    pub const ROOM: &str = "room";
    /// Road taken.
    pub const ROAD: &str = "road";
    /// Call state or carrier status.
    pub const STATUS: &str = "status";
    /// Why a call ended.
    pub const END_REASON: &str = "end_reason";
    /// Machine-readable error code.
    pub const CODE: &str = "code";
    /// Whose fault.
    pub const WHOSE: &str = "whose";
    /// Error text for the operator.
    pub const ERROR: &str = "error";
    /// Milliseconds something took.
    pub const TOOK_MS: &str = "took_ms";
    /// How many.
    pub const COUNT: &str = "count";
    /// SIP status of a dialled leg.
    pub const SIP_STATUS: &str = "sip_status";
    /// A number, masked.
    pub const NUMBER: &str = "number";
    /// Route of the request.
    pub const ROUTE: &str = "route";
}

/// Values of [`field::EVENT`]; template.yaml's metric filters match some of them.
pub mod event {
    /// A webhook's signature did not verify. Alarmed.
    pub const WEBHOOK_REJECTED: &str = "webhook_rejected";
    /// A call was answered with TwiML.
    pub const CALL_ANSWERED: &str = "call_answered";
    /// A call was sent away: no capacity, rate limit. Alarmed.
    pub const CALL_TURNED_AWAY: &str = "call_turned_away";
    /// A caller was served without what failed. Alarmed.
    pub const CALL_DEGRADED: &str = "call_degraded";
    /// An agent could not be dispatched in time.
    pub const DISPATCH_FAILED: &str = "dispatch_failed";
    /// A call reached its terminal state.
    pub const CALL_ENDED: &str = "call_ended";
    /// An event changed nothing.
    pub const EVENT_IGNORED: &str = "event_ignored";
    /// A room could not be removed; the sweeper will.
    pub const ROOM_LEFT_OVER: &str = "room_left_over";
    /// The sweeper closed a call whose events were lost. Alarmed.
    pub const CALL_SWEPT: &str = "call_swept";
    /// The sweeper sent an agent to a caller who waited without one. Alarmed.
    pub const AGENT_REDISPATCHED: &str = "agent_redispatched";
    /// No agent container gave a fresh sign of life. Alarmed.
    pub const NO_AGENTS: &str = "no_agents";
    /// A panic was caught.
    pub const PANICKED: &str = "panicked";
    /// A store request failed. Alarmed.
    pub const STORE_FAILED: &str = "store_failed";
}

/// Metric names of the agent's `/metrics`. Units are part of the name.
pub mod metric {
    /// Calls in progress.
    pub const CALLS_ACTIVE: &str = "ringdown_calls_active";
    /// Calls this container can take.
    pub const CALLS_CAPACITY: &str = "ringdown_calls_capacity";
    /// Calls taken since start.
    pub const CALLS_TOTAL: &str = "ringdown_calls_total";
    /// Jobs refused, by reason.
    pub const JOBS_REFUSED_TOTAL: &str = "ringdown_jobs_refused_total";
    /// Time from answer to the first greeting audio, milliseconds.
    pub const GREETING_MS: &str = "ringdown_answer_to_greeting_ms";
    /// Time from the end of the caller's turn to the first reply audio, milliseconds.
    pub const REPLY_MS: &str = "ringdown_turn_to_reply_ms";
    /// Stages of turns by `stage` (see [`crate::turn`]), milliseconds.
    pub const TURN_STAGE_MS: &str = "ringdown_turn_stage_ms";
    /// Turns by `outcome`.
    pub const TURNS_TOTAL: &str = "ringdown_turns_total";
    /// Processor time of one evaluation of the end-of-turn model, milliseconds.
    pub const TURN_MODEL_MS: &str = "ringdown_turn_model_ms";
    /// Lateness of the 20 ms tick, milliseconds.
    pub const TICK_LATE_MS: &str = "ringdown_tick_late_ms";
    /// Frames of 20 ms, by kind: received, lost, concealed, dropped (late), sent, skipped (not sent, as the media thread
    /// was late).
    pub const FRAMES_TOTAL: &str = "ringdown_frames_total";
    /// Data messages nobody took.
    pub const DATA_DROPPED_TOTAL: &str = "ringdown_data_dropped_total";
    /// Connections to rooms that were made again.
    pub const REJOINS_TOTAL: &str = "ringdown_rejoins_total";
    /// Requests to vendors, by `kind`, `vendor` and `outcome`.
    pub const VENDOR_REQUESTS_TOTAL: &str = "ringdown_vendor_requests_total";
    /// Panics caught in calls.
    pub const PANICS_TOTAL: &str = "ringdown_panics_total";
}

pub mod span;
pub mod turn;

/// A telephone number, SIP address or name with all but its last two characters hidden.
#[must_use]
pub fn masked(text: &str) -> String {
    let count = text.chars().count();
    let shown = if count < 6 { 0 } else { 2 };
    text.chars().enumerate().map(|(at, c)| if at + shown < count { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_last_two_digits_at_most() {
        for (text, expected) in
            [("+15550100123", "**********23"), ("12345", "*****"), ("", ""), ("äöüäöü", "****öü")]
        {
            assert_eq!(masked(text), expected);
        }
    }
}
