//! What a call is told to do, as data.
//!
//! The plan is stored with the call and rendered anew when its webhook is repeated: the same plan, call and
//! settings give the same document, byte for byte. It holds no secret.

use domain::{CallId, JobMetadata, NumberConfig, Provider, RoomName, SipHeaders};
use serde::{Deserialize, Serialize};

use crate::sip_address::{SipAddress, SipAddressError, Transport};
use crate::ticket::{Step, TicketKey};
use crate::twiml::{Connect, Dial, Record, RejectReason, Say, Sip, Twiml, Verb};

/// Name of the stream parameter with the single-use ticket.
pub const STREAM_TOKEN: &str = "token";
/// Name of the stream parameter with the call's [`JobMetadata`], JSON.
pub const STREAM_JOB: &str = "job";
/// Name and value of a stream's parameter, characters (Twilio's `<Parameter>`). The caller's headers are left out beyond it.
const LONGEST_PARAMETER: usize = 500;
/// How long after its first webhook a call's media stream may begin, seconds.
pub const STREAM_TICKET_S: u64 = 120;
/// Silence that ends a message, seconds.
const VOICEMAIL_SILENCE_S: u16 = 5;

/// What a call is told to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Plan {
    /// To an agent, through LiveKit's SIP bridge.
    Sip {
        /// The job, for the headers.
        job: JobMetadata,
        /// How long the agent's side may ring, seconds.
        ring_s: u16,
        /// Longest connected time, seconds.
        limit_s: u32,
        /// If nobody answers.
        voicemail: Voicemail,
    },
    /// To an agent, over the carrier's WebSocket.
    MediaStreams {
        /// The job, for the stream's parameters.
        job: JobMetadata,
        /// When the ticket expires, epoch seconds.
        expires_at_s: u64,
        /// If the stream fails.
        voicemail: Voicemail,
    },
    /// To the system in use before.
    Legacy {
        /// Its SIP address.
        uri: String,
        /// How long it may ring, seconds.
        ring_s: u16,
        /// Longest connected time, seconds.
        limit_s: u32,
        /// If nobody answers.
        voicemail: Voicemail,
    },
    /// Takes a message.
    Voicemail(Voicemail),
    /// Says something, then hangs up.
    Goodbye {
        /// What.
        text: String,
    },
    /// Refuses without answering: the caller hears a busy tone, nobody pays.
    Refuse,
}

/// How a message is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voicemail {
    /// Said before the tone.
    pub greeting: String,
    /// Longest message, seconds.
    pub max_s: u32,
}

impl Voicemail {
    /// As a number is configured.
    pub fn of(number: &NumberConfig) -> Self {
        Self { greeting: number.voicemail_greeting.clone(), max_s: number.limits.voicemail_max_s }
    }
}

impl Default for Voicemail {
    /// When the number's configuration cannot be had.
    fn default() -> Self {
        Self {
            greeting: "We cannot take your call right now. Please leave a message after the tone.".to_owned(),
            max_s: 120,
        }
    }
}

impl Plan {
    /// The message that is taken when the plan's first step fails.
    pub fn voicemail(&self) -> Voicemail {
        match self {
            Self::Sip { voicemail, .. }
            | Self::MediaStreams { voicemail, .. }
            | Self::Legacy { voicemail, .. }
            | Self::Voicemail(voicemail) => voicemail.clone(),
            Self::Goodbye { .. } | Self::Refuse => Voicemail::default(),
        }
    }

    /// As it is stored with the call.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads it back; nothing when it is of another version.
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

/// Everything a document needs beside its plan.
#[derive(Debug, Clone)]
pub struct Renderer {
    /// Where this deployment's routes begin, without a trailing slash.
    pub base_url: String,
    /// Host of LiveKit's SIP bridge.
    pub sip_host: String,
    /// How the carrier reaches it.
    pub sip_transport: Transport,
    /// Digest user and password of its trunk.
    pub sip_credentials: (String, domain::Secret<String>),
    /// Where media streams connect.
    pub media_stream_url: Option<String>,
    /// The key of tickets.
    pub tickets: TicketKey,
}

impl Renderer {
    /// The document of `plan`.
    ///
    /// # Errors
    /// When the SIP address cannot be written.
    pub fn render(&self, provider: Provider, call: &CallId, plan: &Plan) -> Result<Twiml, SipAddressError> {
        Ok(match plan {
            Plan::Sip { job, ring_s, limit_s, .. } => {
                let (user, password) = &self.sip_credentials;
                let credentials = Some((user.clone(), password.reveal().clone()));
                let sip = Sip { uri: self.sip_uri(call, job)?, credentials, status_callback: None };
                self.dial(provider, call, sip, *ring_s, *limit_s)
            }
            Plan::Legacy { uri, ring_s, limit_s, .. } => {
                let sip = Sip { uri: uri.clone(), credentials: None, status_callback: None };
                self.dial(provider, call, sip, *ring_s, *limit_s)
            }
            Plan::MediaStreams { job, expires_at_s, .. } => self.stream(provider, call, job, *expires_at_s),
            Plan::Voicemail(voicemail) => self.voicemail(provider, call, voicemail, 0),
            Plan::Goodbye { text } => Twiml::goodbye(text, None),
            Plan::Refuse => Twiml { verbs: vec![Verb::Reject(RejectReason::Busy)] },
        })
    }

    /// Takes a message; `attempt` counts from 0.
    pub fn voicemail(&self, provider: Provider, call: &CallId, voicemail: &Voicemail, attempt: u8) -> Twiml {
        let text = if attempt == 0 {
            voicemail.greeting.as_str()
        } else {
            "We could not hear you. Please try again."
        };
        let record = Record {
            action: self.step_url(provider, call, Step::Voicemail(attempt)),
            max_length_s: voicemail.max_s,
            timeout_s: VOICEMAIL_SILENCE_S,
            status_callback: Some(self.url(provider, "/call-status")),
        };
        let say = |text: &str| Verb::Say(Say { text: text.to_owned(), language: None });
        Twiml { verbs: vec![say(text), Verb::Record(record), say("Goodbye."), Verb::Hangup] }
    }

    /// The absolute URL of one of this deployment's routes for a carrier.
    pub fn url(&self, provider: Provider, route: &str) -> String {
        let prefix = match provider {
            Provider::Telnyx => "/telnyx",
            Provider::SignalWire => "/signalwire",
            Provider::Twilio | Provider::Sip => "",
        };
        format!("{}{prefix}{route}", self.base_url.trim_end_matches('/'))
    }

    fn step_url(&self, provider: Provider, call: &CallId, step: Step) -> String {
        self.url(provider, &format!("/dial-result/{}", self.tickets.step(call.as_str(), step)))
    }

    fn dial(&self, provider: Provider, call: &CallId, sip: Sip, ring_s: u16, limit_s: u32) -> Twiml {
        let dial = Dial {
            action: self.step_url(provider, call, Step::Connect),
            timeout_s: ring_s,
            time_limit_s: limit_s,
            answer_on_bridge: true,
            sip: Sip { status_callback: Some(self.url(provider, "/call-status")), ..sip },
        };
        Twiml { verbs: vec![Verb::Dial(dial)] }
    }

    fn sip_uri(&self, call: &CallId, job: &JobMetadata) -> Result<String, SipAddressError> {
        let headers = [
            ("x-ringdown-call", call.as_str().to_owned()),
            ("x-ringdown-from", job.caller.as_str().to_owned()),
            ("x-ringdown-to", job.number.as_str().to_owned()),
        ];
        let room = RoomName::for_call(call);
        let transport = self.sip_transport;
        SipAddress { user: room.as_str(), host: &self.sip_host, transport, headers: &headers }.render()
    }

    fn stream(&self, provider: Provider, call: &CallId, given: &JobMetadata, expires_at_s: u64) -> Twiml {
        let ticket = self.tickets.media_stream(call.as_str(), expires_at_s);
        let mut job = given.to_json();
        if STREAM_JOB.len() + job.len() > LONGEST_PARAMETER {
            job = JobMetadata { headers: SipHeaders::default(), ..given.clone() }.to_json();
        }
        let action = self.step_url(provider, call, Step::Connect);
        let connect = Connect {
            url: self.media_stream_url.clone().unwrap_or_default(),
            action: action.clone(),
            parameters: vec![(STREAM_TOKEN.to_owned(), ticket), (STREAM_JOB.to_owned(), job)],
        };
        Twiml { verbs: vec![Verb::Connect(connect), Verb::Redirect(action)] }
    }
}

#[cfg(test)]
mod tests {
    use domain::{AgentId, Caller, E164, Secret};

    use super::*;

    fn renderer() -> Renderer {
        Renderer {
            base_url: "https://x.example".to_owned(),
            sip_host: "sip.example".to_owned(),
            sip_transport: Transport::Tcp,
            sip_credentials: ("u".to_owned(), Secret::new("p".to_owned())),
            media_stream_url: Some("wss://x.example/media-stream".to_owned()),
            tickets: TicketKey::derive("secret"),
        }
    }

    /// The headers that reach the agent by the stream's parameter.
    fn sent(value: &str) -> SipHeaders {
        let call = CallId::new("CA00000000000000000000000000000001").unwrap();
        let job = JobMetadata {
            call_id: call.clone(),
            provider: Provider::Twilio,
            caller: Caller::parse("+15550100123"),
            number: E164::new("+15550100100").unwrap(),
            agent_id: AgentId::new("reception").unwrap(),
            headers: SipHeaders::new([
                ("X-Name".to_owned(), value.to_owned()),
                ("X-Other".to_owned(), value.to_owned()),
            ]),
        };
        let twiml = renderer().stream(Provider::Twilio, &call, &job, 1);
        let Some(Verb::Connect(connect)) = twiml.verbs.first() else { panic!("no stream: {twiml:?}") };
        let (name, json) = connect.parameters.iter().find(|(name, _)| name == STREAM_JOB).unwrap();
        assert!(name.len() + json.len() <= LONGEST_PARAMETER, "{json}");
        JobMetadata::from_json(json).unwrap().headers
    }

    #[test]
    fn headers_travel_with_a_stream_where_its_parameter_has_room() {
        assert_eq!(sent("Anna").reveal()["x_name"], "Anna");
        assert!(sent(&"a".repeat(200)).is_empty());
    }
}
