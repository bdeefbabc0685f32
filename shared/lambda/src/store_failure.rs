//! What is logged when the table does not do its part.

use domain::{CallId, Faulty as _};
use store::StoreError;
use telemetry::{event, field};

/// Logs that the table failed, and `what` follows from it; with the call where it is about one.
pub fn store_failed(call: Option<&CallId>, what: &str, error: &StoreError) {
    tracing::error!(
        { field::EVENT } = event::STORE_FAILED,
        { field::CALL } = call.map(|call| tracing::field::display(call.masked())),
        { field::WHOSE } = error.fault().whose.as_str(),
        { field::ERROR } = %error,
        "{what}"
    );
}

/// Logs that a caller is served without the table, which failed at `step`.
pub fn served_without_table(call: &CallId, step: &str, error: &StoreError) {
    tracing::error!(
        { field::EVENT } = event::CALL_DEGRADED,
        { field::CALL } = %call.masked(),
        { field::CODE } = step,
        { field::WHOSE } = error.fault().whose.as_str(),
        { field::ERROR } = %error,
        "a caller is served without the table"
    );
}
