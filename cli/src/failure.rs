//! What went wrong, for the operator.

use domain::Invalid;
use store::StoreError;
use thiserror::Error;

/// What went wrong.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A value is refused.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The table refuses, or does not answer.
    #[error(transparent)]
    Store(StoreError),
    /// There is no such thing.
    #[error("{kind} {id} does not exist")]
    NotFound {
        /// `number`, `agent`, `voice`, `user`, `call`.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// A file cannot be read.
    #[error("{file}: {error}")]
    File {
        /// Its name.
        file: String,
        /// The system's word.
        error: std::io::Error,
    },
    /// Nobody can be asked for a message.
    #[error("the environment has no account at this call's carrier")]
    NoAccount,
    /// The carrier's name of a recording is none that can be asked for.
    #[error("the recording cannot be asked for: {0}")]
    Recording(#[from] carrier::rest::RestError),
    /// There is no message to be had.
    #[error(transparent)]
    Download(#[from] carrier_api::DownloadError),
    /// It is written, and still at the carrier.
    #[error("{0} is written, but the carrier did not delete it")]
    NotDeleted(String),
    /// Nobody said which table.
    #[error(
        "no table: no local stack is running (`cargo xtask up --detach` starts one), and TABLE_NAME does \
         not name one on AWS"
    )]
    NoTable,
    /// The local stack's file is not what it should be.
    #[error("{0} is not the description of a local stack")]
    NoStack(String),
    /// Standard output is closed.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(invalid) => Self::Invalid(invalid),
            StoreError::NotFound { kind, id } => Self::NotFound { kind, id },
            other => Self::Store(other),
        }
    }
}

impl Failure {
    /// The field a refusal is about.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => Some(&invalid.field),
            _ => None,
        }
    }
}
