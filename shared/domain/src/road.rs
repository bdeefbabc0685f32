//! Carriers, and the roads a call can take to an agent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who brought the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Twilio, TwiML.
    Twilio,
    /// Telnyx, TeXML.
    Telnyx,
    /// SignalWire, cXML.
    SignalWire,
    /// A SIP trunk straight into LiveKit, no carrier webhook.
    Sip,
}

impl Provider {
    /// The stable name in JSON, keys and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Telnyx => "telnyx",
            Self::SignalWire => "signalwire",
            Self::Sip => "sip",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Road {
    /// `<Dial><Sip>` to LiveKit's SIP bridge, or a trunk straight into it.
    Sip,
    /// `<Connect><Stream>`: the carrier's WebSocket to the agent container.
    MediaStreams,
    /// `<Dial><Sip>` to another system: the one in use before, while numbers are moved over.
    Legacy,
    /// The caller leaves a message.
    Voicemail,
    /// The caller is told that nobody is free, or that the number is not in use, and hangs up.
    Busy,
}

impl Road {
    /// The stable name in JSON, keys and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::MediaStreams => "media-streams",
            Self::Legacy => "legacy",
            Self::Voicemail => "voicemail",
            Self::Busy => "busy",
        }
    }

    /// Whether the call occupies one of our agents.
    #[must_use]
    pub const fn needs_agent(self) -> bool {
        matches!(self, Self::Sip | Self::MediaStreams)
    }
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Somebody called us.
    Inbound,
    /// We called somebody.
    Outbound,
}
