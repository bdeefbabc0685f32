//! Requests and messages as plain data.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters is escaped in a query value or path segment.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads, used to warm a connection.
    Get,
    /// Everything else.
    Post,
}

/// One header. Secret ones print as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Lower-case name.
    pub name: &'static str,
    /// Value.
    pub value: String,
    /// Whether the value must never be printed.
    pub secret: bool,
}

impl Header {
    pub(crate) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), secret: false }
    }

    pub(crate) fn secret(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), secret: true }
    }

    pub(crate) fn bearer(key: &crate::Key) -> Self {
        Self::secret("authorization", format!("Bearer {}", key.reveal()))
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, if self.secret { "***" } else { &self.value })
    }
}

/// Body of a request; prints as its length, because it holds words said.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body(pub Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// An HTTP request to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers, content type included.
    pub headers: Vec<Header>,
    /// Body, empty for [`Method::Get`].
    pub body: Body,
}

impl HttpRequest {
    pub(crate) fn post_json(url: String, mut headers: Vec<Header>, body: &serde_json::Value) -> Self {
        headers.push(Header::new("content-type", "application/json"));
        Self { method: Method::Post, url, headers, body: Body(body.to_string().into_bytes()) }
    }
}

/// A WebSocket to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsRequest {
    /// Absolute `ws://` or `wss://` URL.
    pub url: String,
    /// Headers of the upgrade besides the handshake's own.
    pub headers: Vec<Header>,
}

/// A WebSocket message, either way. `Close` is what the peer said when it closed; when the connection broke
/// without a close frame, pass code 1006 (RFC 6455 section 7.1.5: reserved for exactly this).
#[derive(Clone, PartialEq, Eq)]
pub enum WsMessage {
    /// Text frame.
    Text(String),
    /// Binary frame.
    Binary(Vec<u8>),
    /// The peer closed.
    Close {
        /// RFC 6455 status code.
        code: u16,
        /// The peer's words.
        reason: String,
    },
}

impl WsMessage {
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::Text(value.to_string())
    }
}

impl fmt::Debug for WsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Close { code, reason } => write!(f, "Close({code} {reason})"),
        }
    }
}

/// Query string being built: `?a=1&b=2`, values escaped.
#[derive(Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn push(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&escape(&value.to_string()));
        self
    }

    /// Adds one of our own pairs, unless the configuration's own `extra` pairs replace it.
    pub(crate) fn push_unless(
        &mut self,
        extra: &[(String, String)],
        name: &str,
        value: Option<impl fmt::Display>,
    ) {
        if let Some(value) = value.filter(|_| !extra.iter().any(|(n, _)| n == name)) {
            self.push(name, value);
        }
    }

    /// Adds the configuration's own pairs.
    pub(crate) fn push_all(&mut self, pairs: &[(String, String)]) -> &mut Self {
        for (name, value) in pairs {
            self.push(name, value);
        }
        self
    }

    pub(crate) fn finish(&self) -> &str {
        &self.0
    }
}

pub(crate) fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}
