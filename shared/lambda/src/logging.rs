//! One log line, one JSON object.
//!
//! The runtime's own subscriber writes no timestamp, and Lambda then files every line as INFO; so this one
//! does, in RFC 3339.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts logging: level from `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else `info`.
pub fn start() {
    let filter = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"]
        .into_iter()
        .find_map(|variable| EnvFilter::try_from_env(variable).ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    let started = fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_current_span(true)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
    if started.is_ok() {
        report_panics();
    }
}

/// Panics are logged with their place and without their text, which could carry what a caller said.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            { telemetry::field::EVENT } = telemetry::event::PANICKED,
            place,
            "a panic was caught"
        );
    }));
}
