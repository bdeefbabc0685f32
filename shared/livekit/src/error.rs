//! What can go wrong when LiveKit is asked.

use std::time::Duration;

use domain::{CallerHears, Fault, Faulty, Retry, Whose};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError, SipCallError};

/// Why LiveKit did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LiveKitError {
    /// No answer before the deadline: it may or may not have been done.
    #[error("{verb} had no answer within {} ms", deadline.as_millis())]
    Deadline {
        /// What was asked.
        verb: &'static str,
        /// How long was waited.
        deadline: Duration,
    },
    /// The connection failed.
    #[error("{verb} could not be sent: {why}")]
    Unreachable {
        /// What was asked.
        verb: &'static str,
        /// The transport's words.
        why: String,
    },
    /// The server refused.
    #[error("{verb} was refused: {code}: {why}")]
    Refused {
        /// What was asked.
        verb: &'static str,
        /// Twirp code.
        code: String,
        /// The server's words.
        why: String,
    },
    /// There is no such room, participant or dispatch.
    #[error("{verb}: there is no such thing")]
    NotFound {
        /// What was asked.
        verb: &'static str,
    },
    /// A SIP leg was refused by the far end.
    #[error("{verb}: the far end answered {status}")]
    Sip {
        /// What was asked.
        verb: &'static str,
        /// SIP status, 0 when the server gave none.
        status: u16,
    },
    /// Key, secret, identity or room are missing.
    #[error("no token could be made: {0}")]
    Token(String),
}

impl LiveKitError {
    /// Whether it failed because what it was about does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    pub(crate) fn of(verb: &'static str, error: ServiceError) -> Self {
        if let Some(sip) = SipCallError::from_error(&error) {
            let status = sip.sip_status_code().and_then(|code| u16::try_from(code).ok()).unwrap_or(0);
            return Self::Sip { verb, status };
        }
        match error {
            ServiceError::Twirp(ServerError::Twirp(ServerErrorCode { code, .. }))
                if code == ServerErrorCode::NOT_FOUND =>
            {
                Self::NotFound { verb }
            }
            ServiceError::Twirp(ServerError::Twirp(ServerErrorCode { code, msg, .. })) => {
                Self::Refused { verb, code, why: msg }
            }
            ServiceError::Twirp(other) => Self::Unreachable { verb, why: other.to_string() },
            ServiceError::AccessToken(error) => Self::Token(error.to_string()),
            ServiceError::Env(error) => Self::Token(error.to_string()),
        }
    }
}

impl Faulty for LiveKitError {
    fn fault(&self) -> Fault {
        match self {
            Self::Deadline { .. } | Self::Unreachable { .. } => {
                Fault::passing(Whose::LiveKit, CallerHears::Voicemail)
            }
            Self::NotFound { .. } => Fault::lasting(Whose::LiveKit, CallerHears::Nothing),
            Self::Refused { code, .. } if retryable(code) => Fault {
                whose: Whose::LiveKit,
                retry: Retry::AfterMillis(500),
                caller_hears: CallerHears::Voicemail,
            },
            Self::Refused { code, .. } if code == ServerErrorCode::UNAUTHENTICATED => {
                Fault::lasting(Whose::Operator, CallerHears::Voicemail)
            }
            Self::Refused { .. } => Fault::lasting(Whose::Us, CallerHears::Voicemail),
            Self::Sip { .. } => Fault::lasting(Whose::Carrier, CallerHears::Apology),
            Self::Token(_) => Fault::lasting(Whose::Operator, CallerHears::Voicemail),
        }
    }
}

fn retryable(code: &str) -> bool {
    [
        ServerErrorCode::UNAVAILABLE,
        ServerErrorCode::RESOURCE_EXHAUSTED,
        ServerErrorCode::DEADLINE_EXCEEDED,
        ServerErrorCode::ABORTED,
        ServerErrorCode::INTERNAL,
    ]
    .contains(&code)
}
