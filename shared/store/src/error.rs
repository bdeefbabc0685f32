//! What can go wrong between us and the table.

use std::fmt::Debug;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use domain::{CallerHears, Fault, Faulty, Invalid, Retry, Whose};
use thiserror::Error;

/// A failed request to the table. The texts are for operators and logs: no personal data in them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("{kind} {id} does not exist")]
    NotFound {
        /// `number`, `agent`, `voice`, `user`, `call`.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// Somebody changed it in the meantime.
    #[error("{kind} {id} was changed by somebody else; read it again")]
    Stale {
        /// What.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// Other configurations name it.
    #[error("{kind} {id} is used by {by}")]
    InUse {
        /// What.
        kind: &'static str,
        /// Its id.
        id: String,
        /// Who uses it.
        by: String,
    },
    /// It names something that does not exist, or breaks a rule; the field is named.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Others kept changing the same items.
    #[error("too many writers at the same items")]
    Contended,
    /// The table's throughput is exhausted.
    #[error("the table is throttled")]
    Throttled,
    /// No answer within the deadline. What was asked may have happened.
    #[error("no answer from the table in time")]
    Timeout,
    /// No connection.
    #[error("the table cannot be reached")]
    Unreachable,
    /// We may not.
    #[error("the table refuses access: {0}")]
    Denied(String),
    /// The table does not exist.
    #[error("the table does not exist")]
    NoTable,
    /// A stored item cannot be read.
    #[error("stored item cannot be read: {0}")]
    Corrupt(String),
    /// Anything else the service answers.
    #[error("the table answers {0}")]
    Service(String),
}

impl Faulty for StoreError {
    fn fault(&self) -> Fault {
        let (whose, retry) = match self {
            Self::NotFound { .. } | Self::InUse { .. } | Self::Invalid(_) => (Whose::Operator, Retry::No),
            Self::Denied(_) | Self::NoTable => (Whose::Operator, Retry::No),
            Self::Stale { .. } => (Whose::Operator, Retry::Yes),
            Self::Corrupt(_) => (Whose::Us, Retry::No),
            Self::Contended => (Whose::Us, Retry::AfterMillis(500)),
            Self::Throttled => (Whose::Aws, Retry::AfterMillis(1000)),
            Self::Timeout | Self::Unreachable | Self::Service(_) => (Whose::Aws, Retry::Yes),
        };
        Fault { whose, retry, caller_hears: CallerHears::Voicemail }
    }
}

impl StoreError {
    /// Classifies an SDK error by how far the request came and by the service's code.
    pub(crate) fn from_sdk<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        match error {
            SdkError::TimeoutError(_) => Self::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Timeout,
            SdkError::DispatchFailure(_) => Self::Unreachable,
            SdkError::ServiceError(context) => Self::from_code(context.err().code(), context.err().message()),
            SdkError::ResponseError(_) => Self::Service("an unreadable response".to_owned()),
            _ => Self::Service("a request that could not be built".to_owned()),
        }
    }

    /// Classifies a service's error code.
    pub(crate) fn from_code(code: Option<&str>, message: Option<&str>) -> Self {
        match code.unwrap_or("UnknownError") {
            "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "RequestLimitExceeded" => Self::Throttled,
            "TransactionConflictException" | "TransactionConflict" | "TransactionInProgressException" => {
                Self::Contended
            }
            "AccessDeniedException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "MissingAuthenticationTokenException" => {
                Self::Denied(message.unwrap_or_default().chars().take(200).collect())
            }
            "ResourceNotFoundException" => Self::NoTable,
            code => Self::Service(code.to_owned()),
        }
    }

    /// A request the SDK would not build: a required field is missing in our own code.
    pub(crate) fn unbuilt(error: BuildError) -> Self {
        Self::Service(error.to_string())
    }

    pub(crate) fn corrupt(what: &str, why: impl Debug) -> Self {
        Self::Corrupt(format!("{what}: {why:?}"))
    }
}
