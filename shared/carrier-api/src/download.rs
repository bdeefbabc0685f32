//! Recordings, fetched whole or not at all.

use std::time::Duration;

use carrier::recording::{RecordingRequest, sound_at};
use carrier::rest::RestRequest;

use crate::carrier_api::CarrierApi;

/// Largest recording fetched, bytes: the longest message (600 s, WAV of 8000 Hz, 16 bits, two channels) and
/// two thirds more.
pub const MAX_RECORDING: usize = 32 * 1024 * 1024;

/// Longest wait for a whole recording.
const DEADLINE: Duration = Duration::from_secs(60);

/// Attempts: a recording is told of before it can be fetched, and lines break.
const ATTEMPTS: u32 = 5;

/// Why there is no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// Not there, not even after some waiting.
    #[error("the carrier has no such recording")]
    NotFound,
    /// Our credentials are wrong.
    #[error("the carrier refuses our credentials")]
    Unauthorized,
    /// Larger than [`MAX_RECORDING`].
    #[error("the recording is larger than {MAX_RECORDING} bytes")]
    TooLarge,
    /// Silence, a broken line, or another status than those above.
    #[error("the carrier did not hand it out (HTTP status {status}; 0: the line broke)")]
    Failed {
        /// HTTP status; 0 without one.
        status: u16,
    },
}

impl DownloadError {
    fn passes(self) -> bool {
        match self {
            Self::NotFound => true,
            Self::Failed { status } => status == 0 || status == 429 || status >= 500,
            Self::Unauthorized | Self::TooLarge => false,
        }
    }
}

impl CarrierApi {
    /// Fetches a recording, with pauses while it is not there yet.
    ///
    /// # Errors
    /// What went wrong at last.
    pub async fn download(&self, request: &RecordingRequest) -> Result<Vec<u8>, DownloadError> {
        let mut attempt = 0;
        loop {
            match self.download_once(request).await {
                Err(error) if error.passes() && attempt + 1 < ATTEMPTS => self.pause(attempt).await,
                other => return other,
            }
            attempt += 1;
        }
    }

    async fn download_once(&self, request: &RecordingRequest) -> Result<Vec<u8>, DownloadError> {
        match request {
            RecordingRequest::Sound(request) => self.sound(request).await,
            RecordingRequest::Link(request) => {
                let (status, description) =
                    self.ask(request).await.map_err(|status| DownloadError::Failed { status })?;
                refuse(status)?;
                self.sound(&sound_at(request, &description).ok_or(DownloadError::NotFound)?).await
            }
        }
    }

    async fn sound(&self, request: &RestRequest) -> Result<Vec<u8>, DownloadError> {
        let broken = |_| DownloadError::Failed { status: 0 };
        let mut answer = self.request(request).timeout(DEADLINE).send().await.map_err(broken)?;
        refuse(answer.status().as_u16())?;
        if answer.content_length().is_some_and(|length| length > MAX_RECORDING as u64) {
            return Err(DownloadError::TooLarge);
        }
        let mut recording = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(broken)? {
            if recording.len() + bytes.len() > MAX_RECORDING {
                return Err(DownloadError::TooLarge);
            }
            recording.extend_from_slice(&bytes);
        }
        Ok(recording)
    }
}

/// An error for every status but 200.
fn refuse(status: u16) -> Result<(), DownloadError> {
    match status {
        200 => Ok(()),
        401 | 403 => Err(DownloadError::Unauthorized),
        404 => Err(DownloadError::NotFound),
        status => Err(DownloadError::Failed { status }),
    }
}
