//! The carrier's REST API as data: requests to send, answers to read. Sending is somebody else's.
//!
//! Twilio's paths; SignalWire's are the same below its own base URL. Telnyx has its own base URL and takes a
//! bearer token, see [`Credentials`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::form;

/// Twilio's API; tests point elsewhere.
pub const TWILIO_BASE_URL: &str = "https://api.twilio.com";

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

/// A request to send. `authorization` is a secret and does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct RestRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Value of the `Authorization` header.
    pub authorization: String,
    /// Form body; none for GET and DELETE.
    pub body: Option<String>,
}

impl std::fmt::Debug for RestRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestRequest")
            .field("method", &self.method)
            .field("url", &self.url)
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

/// An account at a carrier's REST API.
#[derive(Debug, Clone)]
pub struct RestApi {
    /// Scheme and host, for SignalWire with its `/api/laml`.
    pub base_url: String,
    /// Account the calls belong to.
    pub account: String,
    /// Proof.
    pub credentials: Credentials,
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
    /// No id of a recording (`RE` and 32 hexadecimal digits).
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
    /// Seconds, as text; absent until it ended.
    #[serde(default)]
    pub duration: Option<String>,
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
        fields.push(instruction_field(&call.instructions)?);
        if let Some(url) = &call.status_callback {
            fields.extend([("StatusCallback", url.as_str()), ("StatusCallbackMethod", "POST")]);
            let events = ["initiated", "ringing", "answered", "completed"];
            fields.extend(events.map(|event| ("StatusCallbackEvent", event)));
        }
        Ok(self.request(Method::Post, "Calls.json", Some(form::encode(fields))))
    }

    /// Changes a live call.
    ///
    /// # Errors
    /// When the inline document is too long or the id is none.
    pub fn update_call(&self, call_id: &str, update: &CallUpdate) -> Result<RestRequest, RestError> {
        let field = match update {
            CallUpdate::Continue(instructions) => instruction_field(instructions)?,
            CallUpdate::Complete => ("Status", "completed"),
            CallUpdate::Cancel => ("Status", "canceled"),
        };
        let path = call_path(call_id)?;
        Ok(self.request(Method::Post, &path, Some(form::encode([field]))))
    }

    /// Asks how a call stands.
    ///
    /// # Errors
    /// When the id is none.
    pub fn fetch_call(&self, call_id: &str) -> Result<RestRequest, RestError> {
        Ok(self.request(Method::Get, &call_path(call_id)?, None))
    }

    /// Fetches a recording as WAV. Built from its id: a posted URL is never fetched with our credentials.
    ///
    /// # Errors
    /// When `recording_id` is no id of a recording.
    pub fn fetch_recording(&self, recording_id: &str) -> Result<RestRequest, RestError> {
        check_recording_id(recording_id)?;
        Ok(self.request(Method::Get, &format!("Recordings/{recording_id}"), None))
    }

    /// Deletes a recording at the carrier.
    ///
    /// # Errors
    /// When `recording_id` is no id of a recording.
    pub fn delete_recording(&self, recording_id: &str) -> Result<RestRequest, RestError> {
        check_recording_id(recording_id)?;
        Ok(self.request(Method::Delete, &format!("Recordings/{recording_id}.json"), None))
    }

    fn request(&self, method: Method, path: &str, body: Option<String>) -> RestRequest {
        let url =
            format!("{}/2010-04-01/Accounts/{}/{path}", self.base_url.trim_end_matches('/'), self.account);
        RestRequest { method, url, authorization: self.credentials.header(), body }
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

fn instruction_field(instructions: &Instructions) -> Result<(&'static str, &str), RestError> {
    match instructions {
        Instructions::Url(url) => Ok(("Url", url)),
        Instructions::Twiml(twiml) if twiml.chars().count() > MAX_INLINE_TWIML => {
            Err(RestError::TwimlTooLong)
        }
        Instructions::Twiml(twiml) => Ok(("Twiml", twiml)),
    }
}

fn call_path(call_id: &str) -> Result<String, RestError> {
    if call_id.is_empty() || call_id.len() > 256 {
        return Err(RestError::BadCallId);
    }
    Ok(format!("Calls/{}.json", form::encode_value(call_id)))
}

fn check_recording_id(id: &str) -> Result<(), RestError> {
    let digits = id.strip_prefix("RE").unwrap_or_default();
    let fine = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if fine { Ok(()) } else { Err(RestError::BadRecordingId) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api() -> RestApi {
        let credentials = Credentials::Basic { user: "AC1".to_owned(), password: "secret".to_owned() };
        RestApi { base_url: TWILIO_BASE_URL.to_owned(), account: "AC1".to_owned(), credentials }
    }

    fn new_call(instructions: Instructions) -> NewCall {
        NewCall {
            to: "+15550100199".to_owned(),
            from: "+15550100100".to_owned(),
            instructions,
            status_callback: Some("https://h/call-status".to_owned()),
            timeout_s: 30,
        }
    }

    #[test]
    fn a_create_repeats_the_event_key_and_encodes_the_plus() {
        let request = api().create_call(&new_call(Instructions::Url("https://h/x".to_owned()))).unwrap();
        assert_eq!(request.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls.json");
        assert_eq!(request.authorization, "Basic QUMxOnNlY3JldA==");
        assert_eq!(
            request.body.as_deref(),
            Some(
                "To=%2B15550100199&From=%2B15550100100&Timeout=30&Url=https%3A%2F%2Fh%2Fx\
                 &StatusCallback=https%3A%2F%2Fh%2Fcall-status&StatusCallbackMethod=POST\
                 &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered\
                 &StatusCallbackEvent=completed"
            )
        );
    }

    #[test]
    fn an_inline_document_over_the_limit_asks_for_a_url() {
        let long = Instructions::Twiml("x".repeat(MAX_INLINE_TWIML + 1));
        assert_eq!(api().create_call(&new_call(long)), Err(RestError::TwimlTooLong));
        let fits = Instructions::Twiml("x".repeat(MAX_INLINE_TWIML));
        assert!(api().create_call(&new_call(fits)).is_ok());
    }

    #[test]
    fn updates_name_their_call() {
        let request = api().update_call("CA1", &CallUpdate::Complete).unwrap();
        assert_eq!(request.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA1.json");
        assert_eq!(request.body.as_deref(), Some("Status=completed"));
        let odd = api().update_call("../x", &CallUpdate::Cancel).unwrap();
        assert!(odd.url.ends_with("/Calls/..%2Fx.json"));
    }

    #[test]
    fn recordings_are_fetched_by_id_only() {
        let id = format!("RE{}", "0a".repeat(16));
        assert!(api().fetch_recording(&id).unwrap().url.ends_with(&format!("/AC1/Recordings/{id}")));
        assert!(api().delete_recording(&id).unwrap().url.ends_with(&format!("/Recordings/{id}.json")));
        for odd in ["https://evil.example/RE", "RE1", "", "RE../../../../../../../../../../ab"] {
            assert_eq!(api().fetch_recording(odd), Err(RestError::BadRecordingId), "{odd}");
        }
    }

    #[test]
    fn a_request_does_not_show_its_secret() {
        let request = api().fetch_call("CA1").unwrap();
        let shown = format!("{request:?} {:?}", api());
        assert!(!shown.contains("secret") && !shown.contains("QUMx"), "{shown}");
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: Outcome) {
        assert_eq!(Outcome::read(status, body.as_bytes()), expected);
    }

    #[test]
    fn answers_say_whether_to_repeat() {
        let call = CallResource { sid: "CA1".to_owned(), status: "queued".to_owned(), duration: None };
        check(201, r#"{"sid":"CA1","status":"queued","price":null}"#, Outcome::Done(Some(call)));
        check(204, "", Outcome::Done(None));
        check(429, r#"{"code":20429,"message":"slow down"}"#, Outcome::RetryLater);
        check(401, r#"{"code":20003}"#, Outcome::Unauthorized);
        check(404, r#"{"code":20404}"#, Outcome::NotFound);
        check(400, r#"{"code":21220,"message":"not in progress"}"#, Outcome::AlreadyEnded);
        check(
            400,
            r#"{"code":21215,"message":"not allowed"}"#,
            Outcome::Refused { code: Some(21215), message: "not allowed".to_owned() },
        );
        check(400, "<html>", Outcome::Refused { code: None, message: "<html>".to_owned() });
        check(500, "<html>oops", Outcome::Unknown { status: 500 });
        check(201, r#"{"sid":"CA1","sta"#, Outcome::Unknown { status: 201 });
    }
}
