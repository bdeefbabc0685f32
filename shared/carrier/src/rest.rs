//! The carrier's REST API as data: requests to send, answers to read. Sending is somebody else's.
//!
//! Twilio's paths; SignalWire's are the same below its own base URL. Telnyx has its own paths, names the inline
//! document otherwise and takes a bearer token, see [`Dialect`] and [`Credentials`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

use crate::form;
use crate::recording::{RecordingRequest, is_recording_id};

/// Twilio's API; tests point elsewhere.
pub const TWILIO_BASE_URL: &str = "https://api.twilio.com";

/// Telnyx's API.
pub const TELNYX_BASE_URL: &str = "https://api.telnyx.com/v2";

/// Longest inline document of a call, characters (Twilio error 32018).
pub const MAX_INLINE_TWIML: usize = 4000;

/// Most of an unreadable error body that is kept, bytes.
const MAX_DETAIL: usize = 512;

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// A request to send. `authorization` is a secret and does not show in `Debug`, nor does what stands behind the `?` of
/// the URL: links to recordings carry their proof there.
#[derive(Clone, PartialEq, Eq)]
pub struct RestRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Value of the `Authorization` header; none for links that carry their own proof.
    pub authorization: Option<String>,
    /// Form body; none for GET and DELETE.
    pub body: Option<String>,
}

impl std::fmt::Debug for RestRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestRequest")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .finish_non_exhaustive()
    }
}

/// How an account proves itself.
#[derive(Clone)]
pub enum Credentials {
    /// Account or API key and its secret (Twilio, SignalWire).
    Basic {
        /// `AC…`, `SK…` or the project id.
        user: String,
        /// Auth token, key secret or API token.
        password: String,
    },
    /// API key (Telnyx).
    Bearer(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// How a carrier's API spells paths and fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `/2010-04-01/Accounts/…/Calls/….json`, `Twiml` (Twilio, SignalWire).
    Laml,
    /// `/texml/Accounts/…/Calls/…`, `Texml` (Telnyx).
    Texml,
}

/// An account at a carrier's REST API.
#[derive(Debug, Clone)]
pub struct RestApi {
    /// Scheme and host, for SignalWire with its `/api/laml`.
    pub base_url: String,
    /// Account the calls belong to.
    pub account: String,
    /// Proof.
    pub credentials: Credentials,
    /// Spelling.
    pub dialect: Dialect,
}

/// What a call does once it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instructions {
    /// Absolute URL of a document.
    Url(String),
    /// The document itself.
    Twiml(String),
}

/// A call to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Whom to call: E.164 or a SIP URI.
    pub to: String,
    /// Our number.
    pub from: String,
    /// What it does.
    pub instructions: Instructions,
    /// Where progress is reported, all four events.
    pub status_callback: Option<String>,
    /// How long to ring, seconds (at most 600).
    pub timeout_s: u16,
}

/// A change of a live call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallUpdate {
    /// Replaces what the call is doing, at once.
    Continue(Instructions),
    /// Hangs up.
    Complete,
    /// Ends it if it still rings.
    Cancel,
}

/// Why a request cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// An inline document longer than [`MAX_INLINE_TWIML`]: give a URL instead.
    #[error("an inline document has at most {MAX_INLINE_TWIML} characters")]
    TwimlTooLong,
    /// No id of a recording: neither `RE` and 32 hexadecimal digits (Twilio) nor a UUID (Telnyx, SignalWire).
    #[error("not the id of a recording")]
    BadRecordingId,
    /// An id that would change the path.
    #[error("not the id of a call")]
    BadCallId,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; the call as the carrier sees it, where the answer has one.
    Done(Option<CallResource>),
    /// Nothing was processed: safe to repeat after a pause (429).
    RetryLater,
    /// The call was over already (21220): nothing left to do.
    AlreadyEnded,
    /// No such call or recording, perhaps not yet (404).
    NotFound,
    /// Our credentials are wrong (401, 403).
    Unauthorized,
    /// Refused, with the carrier's code where it gave one; repeating gives the same.
    Refused {
        /// The carrier's error code.
        code: Option<u32>,
        /// Its message, at most 512 bytes.
        message: String,
    },
    /// Perhaps done, perhaps not (5xx, cut answers): find out by listing, never by repeating a create.
    Unknown {
        /// HTTP status.
        status: u16,
    },
}

/// A call as the REST API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallResource {
    /// The call.
    pub sid: String,
    /// `queued ringing in-progress completed busy failed no-answer canceled`.
    pub status: String,
    /// Seconds; absent until it ended, and when it is no number. Twilio and Telnyx send text, SignalWire a
    /// number.
    #[serde(default, rename = "duration", deserialize_with = "seconds")]
    pub duration_s: Option<u32>,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: Option<u32>,
    message: Option<String>,
}

impl RestApi {
    /// Places a call.
    ///
    /// # Errors
    /// When the inline document is too long.
    pub fn create_call(&self, call: &NewCall) -> Result<RestRequest, RestError> {
        let mut fields = vec![("To", call.to.as_str()), ("From", call.from.as_str())];
        let timeout = call.timeout_s.to_string();
        fields.push(("Timeout", &timeout));
        fields.push(self.instruction_field(&call.instructions)?);
        if let Some(url) = &call.status_callback {
            fields.extend([("StatusCallback", url.as_str()), ("StatusCallbackMethod", "POST")]);
            let events = ["initiated", "ringing", "answered", "completed"];
            fields.extend(events.map(|event| ("StatusCallbackEvent", event)));
        }
        Ok(self.request(Method::Post, "Calls", self.json(), Some(form::encode(fields))))
    }

    /// Changes a live call.
    ///
    /// # Errors
    /// When the inline document is too long or the id is none.
    pub fn update_call(&self, call_id: &str, update: &CallUpdate) -> Result<RestRequest, RestError> {
        let field = match update {
            CallUpdate::Continue(instructions) => self.instruction_field(instructions)?,
            CallUpdate::Complete => ("Status", "completed"),
            CallUpdate::Cancel => ("Status", "canceled"),
        };
        let path = call_path(call_id)?;
        Ok(self.request(Method::Post, &path, self.json(), Some(form::encode([field]))))
    }

    /// Asks how a call stands.
    ///
    /// # Errors
    /// When the id is none.
    pub fn fetch_call(&self, call_id: &str) -> Result<RestRequest, RestError> {
        Ok(self.request(Method::Get, &call_path(call_id)?, self.json(), None))
    }

    /// Fetches a recording. Built from its id: a posted URL is never fetched with our credentials.
    ///
    /// # Errors
    /// When `recording_id` is no id of a recording.
    pub fn fetch_recording(&self, recording_id: &str) -> Result<RecordingRequest, RestError> {
        check_recording_id(recording_id)?;
        let path = format!("Recordings/{recording_id}");
        Ok(match self.dialect {
            Dialect::Laml => RecordingRequest::Sound(self.request(Method::Get, &path, "", None)),
            Dialect::Texml => RecordingRequest::Link(self.request(Method::Get, &path, ".json", None)),
        })
    }

    /// Deletes a recording at the carrier.
    ///
    /// # Errors
    /// When `recording_id` is no id of a recording.
    pub fn delete_recording(&self, recording_id: &str) -> Result<RestRequest, RestError> {
        check_recording_id(recording_id)?;
        Ok(self.request(Method::Delete, &format!("Recordings/{recording_id}"), ".json", None))
    }

    fn request(&self, method: Method, path: &str, suffix: &str, body: Option<String>) -> RestRequest {
        let version = match self.dialect {
            Dialect::Laml => "2010-04-01",
            Dialect::Texml => "texml",
        };
        let base_url = self.base_url.trim_end_matches('/');
        let url = format!("{base_url}/{version}/Accounts/{}/{path}{suffix}", self.account);
        RestRequest { method, url, authorization: Some(self.credentials.header()), body }
    }

    /// Ending of the paths of calls.
    fn json(&self) -> &'static str {
        if self.dialect == Dialect::Laml { ".json" } else { "" }
    }

    fn instruction_field<'a>(
        &self,
        instructions: &'a Instructions,
    ) -> Result<(&'static str, &'a str), RestError> {
        match instructions {
            Instructions::Url(url) => Ok(("Url", url)),
            Instructions::Twiml(twiml) if twiml.chars().count() > MAX_INLINE_TWIML => {
                Err(RestError::TwimlTooLong)
            }
            Instructions::Twiml(twiml) if self.dialect == Dialect::Texml => Ok(("Texml", twiml)),
            Instructions::Twiml(twiml) => Ok(("Twiml", twiml)),
        }
    }
}

impl Credentials {
    fn header(&self) -> String {
        match self {
            Self::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Self::Bearer(key) => format!("Bearer {key}"),
        }
    }
}

impl Outcome {
    /// Reads an answer. The body may be cut or no JSON at all.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let error: Option<ErrorBody> = serde_json::from_slice(body).ok();
        let code = error.as_ref().and_then(|error| error.code);
        match status {
            200..=299 => Self::done(status, body),
            429 => Self::RetryLater,
            401 | 403 => Self::Unauthorized,
            404 => Self::NotFound,
            _ if code == Some(21220) => Self::AlreadyEnded,
            400..=499 => Self::Refused { code, message: detail(error, body) },
            _ => Self::Unknown { status },
        }
    }

    fn done(status: u16, body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::Done(None);
        }
        match serde_json::from_slice(body) {
            Ok(call) => Self::Done(Some(call)),
            Err(_) => Self::Unknown { status },
        }
    }
}

fn detail(error: Option<ErrorBody>, body: &[u8]) -> String {
    let text = error.and_then(|error| error.message);
    text.unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(MAX_DETAIL)]).into_owned())
}

/// Seconds, as text or number; nothing when they are neither.
fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u32>, D::Error> {
    let value = serde_json::Value::deserialize(value)?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    Ok(number.or_else(|| value.as_str()?.parse().ok()))
}

fn call_path(call_id: &str) -> Result<String, RestError> {
    if call_id.is_empty() || call_id.len() > 256 {
        return Err(RestError::BadCallId);
    }
    Ok(format!("Calls/{}", form::encode_value(call_id)))
}

fn check_recording_id(id: &str) -> Result<(), RestError> {
    if is_recording_id(id) { Ok(()) } else { Err(RestError::BadRecordingId) }
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
