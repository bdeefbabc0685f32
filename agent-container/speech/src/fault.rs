//! What went wrong with a vendor, whose fault it is, and whether to try again.

use std::time::Duration;

use thiserror::Error;

use crate::Vendor;

/// Longest wait a vendor may ask for and still be waited for on a live call (the vendors' SDKs wait up to 120 s,
/// which no caller does).
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Vendor texts are cut to this many characters.
const DETAIL_CHARS: usize = 300;
/// And their codes, which are logged: far longer than any honest one.
const CODE_CHARS: usize = 64;

/// A failed request or session.
///
/// `Display` is safe for logs. `detail` is the vendor's own text and may quote what was said: DEBUG only.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{vendor}: {kind} ({code})")]
pub struct Fault {
    /// Whose answer, or silence, it was.
    pub vendor: Vendor,
    /// What kind of failure.
    pub kind: FaultKind,
    /// Vendor's error code, HTTP status or close code, cut to 64 characters; empty when there was none.
    pub code: String,
    /// Vendor's own words, cut to 300 characters.
    pub detail: String,
    /// How long the vendor asks to wait.
    pub retry_after: Option<Duration>,
    /// The vendor says that another try is of no use (OpenAI's and Anthropic's `x-should-retry`).
    pub hopeless: bool,
}

/// Kinds of failure a caller of this crate reacts to differently.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Key missing, wrong or without the right.
    #[error("key refused")]
    Credentials,
    /// Money or plan used up: no retry helps before a person acts.
    #[error("quota used up")]
    Quota,
    /// Too many requests now.
    #[error("rate limited")]
    RateLimited,
    /// The vendor has no capacity now.
    #[error("overloaded")]
    Overloaded,
    /// The vendor failed.
    #[error("vendor failed")]
    Unavailable,
    /// Nothing came in time.
    #[error("timed out")]
    TimedOut,
    /// The vendor does not accept what was sent: unknown model or voice, bad parameter.
    #[error("request refused")]
    Refused,
    /// The session reached its maximum age.
    #[error("session expired")]
    Expired,
    /// The connection broke or was closed without being asked to.
    #[error("disconnected")]
    Disconnected,
    /// The stream ended before its end mark.
    #[error("answer cut off")]
    Truncated,
    /// Too many unreadable messages, or one that had to be readable.
    #[error("unreadable answer")]
    Malformed,
    /// A message larger than any honest one.
    #[error("oversized message")]
    Oversize,
}

/// Whose fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Configuration or this code: the same request will fail again.
    Us,
    /// The vendor.
    Vendor,
    /// The road between.
    Network,
}

/// Whether the same vendor is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Another try gives the same answer: go to the next vendor.
    Never,
    /// A new request or connection may succeed at once.
    Now,
    /// A new request may succeed after this long.
    After(Duration),
}

impl Fault {
    /// A fault with the vendor's code and words.
    pub fn new(vendor: Vendor, kind: FaultKind, code: impl Into<String>, detail: &str) -> Self {
        let cut = |text: &str, chars: usize| text.chars().take(chars).collect();
        let (code, detail) = (cut(&code.into(), CODE_CHARS), cut(detail, DETAIL_CHARS));
        Self { vendor, kind, code, detail, retry_after: None, hopeless: false }
    }

    /// A connection that could not be made or broke, as the driver saw it.
    pub fn disconnected(vendor: Vendor, detail: &str) -> Self {
        Self::new(vendor, FaultKind::Disconnected, "", detail)
    }

    /// A deadline that passed; `stage` names it (`connect`, `first_token`, …).
    pub fn timed_out(vendor: Vendor, stage: &str) -> Self {
        Self::new(vendor, FaultKind::TimedOut, stage, "")
    }

    /// A refused request or upgrade. `headers` are lower-case name and value pairs of the response.
    pub fn from_response(vendor: Vendor, status: u16, headers: &[(String, String)], body: &[u8]) -> Self {
        let said = VendorError::read(body);
        let kind = said.kind().unwrap_or_else(|| by_status(status));
        let code = if said.code.is_empty() { status.to_string() } else { format!("{status} {}", said.code) };
        let mut fault = Self::new(vendor, kind, code, &said.message);
        fault.retry_after = retry_after(headers);
        fault.hopeless =
            header(headers, "x-should-retry").is_some_and(|said| said.eq_ignore_ascii_case("false"));
        fault
    }

    /// An error the vendor reported inside a stream.
    pub(crate) fn reported(vendor: Vendor, code: &str, message: &str) -> Self {
        let said = VendorError { code: code.to_owned(), message: message.to_owned() };
        Self::new(vendor, said.kind().unwrap_or(FaultKind::Unavailable), code, message)
    }

    pub(crate) fn malformed(vendor: Vendor, detail: &str) -> Self {
        Self::new(vendor, FaultKind::Malformed, "", detail)
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self.kind {
            FaultKind::Credentials | FaultKind::Quota | FaultKind::Refused => Blame::Us,
            FaultKind::Disconnected | FaultKind::TimedOut => Blame::Network,
            _ => Blame::Vendor,
        }
    }

    /// Whether the same vendor is worth another try, by itself; [`crate::Attempt`] also knows what was delivered.
    pub fn retry(&self) -> Retry {
        match (self.kind, self.retry_after) {
            _ if self.hopeless => Retry::Never,
            (FaultKind::Credentials | FaultKind::Quota | FaultKind::Refused | FaultKind::Oversize, _) => {
                Retry::Never
            }
            (_, Some(wait)) if wait > LONGEST_WAIT => Retry::Never,
            (_, Some(wait)) => Retry::After(wait),
            (FaultKind::RateLimited | FaultKind::Overloaded, None) => {
                Retry::After(Duration::from_millis(500))
            }
            _ => Retry::Now,
        }
    }
}

fn by_status(status: u16) -> FaultKind {
    match status {
        401 | 403 => FaultKind::Credentials,
        402 => FaultKind::Quota,
        408 | 504 => FaultKind::TimedOut,
        // 498: Groq's flex tier is out of capacity.
        429 => FaultKind::RateLimited,
        498 | 503 | 529 => FaultKind::Overloaded,
        400..=499 => FaultKind::Refused,
        _ => FaultKind::Unavailable,
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// `retry-after-ms` (OpenAI, Azure) before `retry-after` in seconds; dates are left to the default.
fn retry_after(headers: &[(String, String)]) -> Option<Duration> {
    let find = |name: &str| header(headers, name);
    let seconds = match find("retry-after-ms").and_then(|v| v.parse::<f64>().ok()) {
        Some(ms) => ms / 1000.0,
        None => find("retry-after")?.parse().ok()?,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

/// The error object, in the shapes the vendors use.
struct VendorError {
    code: String,
    message: String,
}

impl VendorError {
    /// OpenAI, Groq, Anthropic `{"error":{…}}`, ElevenLabs `{"detail":{…}}`, Deepgram `{"err_code",…}`; a plain
    /// text body is the message.
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
            return Self { code: String::new(), message: String::from_utf8_lossy(body).into_owned() };
        };
        let object =
            ["error", "detail"].iter().find_map(|k| value.get(k).filter(|v| v.is_object())).unwrap_or(&value);
        let first = |names: &[&str]| {
            names.iter().find_map(|n| object.get(n).and_then(|v| v.as_str())).unwrap_or_default().to_owned()
        };
        Self {
            code: first(&["code", "status", "err_code", "category", "type"]),
            message: first(&["message", "err_msg", "error", "detail", "description"]),
        }
    }

    fn kind(&self) -> Option<FaultKind> {
        Some(match self.code.as_str() {
            "insufficient_quota"
            | "quota_exceeded"
            | "billing_hard_limit_reached"
            | "credit_balance_exhausted"
            | "billing_error"
            | "ASR_PAYMENT_REQUIRED"
            | "max_character_limit_exceeded" => FaultKind::Quota,
            "invalid_api_key"
            | "authentication_error"
            | "permission_error"
            | "INVALID_AUTH"
            | "INSUFFICIENT_PERMISSIONS"
            | "account_deactivated"
            | "detected_unusual_activity" => FaultKind::Credentials,
            "rate_limit_exceeded"
            | "rate_limit_error"
            | "TOO_MANY_REQUESTS"
            | "too_many_concurrent_requests"
            | "max_active_conversations" => FaultKind::RateLimited,
            "overloaded_error" | "system_busy" | "capacity_exceeded" => FaultKind::Overloaded,
            "session_expired" | "websocket_connection_limit_reached" => FaultKind::Expired,
            "timeout_error" | "input_timeout_exceeded" => FaultKind::TimedOut,
            "invalid_request_error"
            | "not_found_error"
            | "model_not_found"
            | "voice_not_found"
            | "context_length_exceeded"
            | "beta_api_shape_disabled"
            | "invalid_input_message" => FaultKind::Refused,
            _ => return None,
        })
    }
}
