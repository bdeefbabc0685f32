//! Vendor faults in the dialogue's words.

use dialogue::{Failure, FailureKind};
use speech::{Fault, FaultKind};

/// What the dialogue has to know of a fault. The vendor's own text stays out: it may quote what was said.
#[must_use]
pub fn failure(fault: &Fault) -> Failure {
    let kind = match fault.kind {
        FaultKind::TimedOut => FailureKind::Timeout,
        FaultKind::Disconnected | FaultKind::Truncated | FaultKind::Unavailable | FaultKind::Overloaded => {
            FailureKind::Disconnected
        }
        FaultKind::RateLimited => FailureKind::RateLimited,
        FaultKind::Credentials | FaultKind::Quota | FaultKind::Refused => FailureKind::Refused,
        FaultKind::Malformed | FaultKind::Oversize => FailureKind::BadAnswer,
        FaultKind::Expired => FailureKind::Expired,
    };
    Failure::new(kind, fault.to_string())
}
