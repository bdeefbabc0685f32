//! The only place that makes XML.
//!
//! Documents are data ([`Twiml`]); [`Twiml::render`] escapes, drops what XML cannot carry and enforces the
//! size limit. Only verbs and attributes that Twilio, Telnyx and SignalWire share are expressible, apart from
//! [`Verb::Connect`], which is Twilio's and SignalWire's.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// Content type of every answer to a carrier.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// Largest document a carrier takes, bytes (Twilio error 11750; SignalWire has the same limit).
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// Longest `name` + `value` of a stream parameter, exclusive (Twilio's `<Parameter>`).
const MAX_PARAMETER: usize = 500;

/// Why a document cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the document is larger than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// A stream parameter's name and value together are too long.
    #[error("a stream parameter is longer than {MAX_PARAMETER} characters")]
    ParameterTooLong,
    /// The writer failed; it writes to memory, so this does not happen.
    #[error("the document could not be written")]
    Write,
}

/// One answer to a carrier: verbs in the order they run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Twiml {
    /// The verbs.
    pub verbs: Vec<Verb>,
}

/// A verb of the subset that all three carriers share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Connects the caller to a SIP address.
    Dial(Dial),
    /// Connects the caller to a WebSocket (Media Streams).
    Connect(Connect),
    /// Reads text to the caller.
    Say(Say),
    /// Records the caller.
    Record(Record),
    /// Silence, seconds.
    Pause(u16),
    /// Continues with the document at this absolute URL.
    Redirect(String),
    /// Refuses the call before it is answered.
    Reject(RejectReason),
    /// Ends the call.
    Hangup,
}

/// `<Dial>` with one `<Sip>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Absolute URL asked for what to do when the dialled leg ended.
    pub action: String,
    /// How long to ring, seconds (5 to 120 on all carriers; they add about 5 s of their own).
    pub timeout_s: u16,
    /// Longest connected time, seconds.
    pub time_limit_s: u32,
    /// Keep the caller ringing until the dialled leg answers.
    pub answer_on_bridge: bool,
    /// The address.
    pub sip: Sip,
}

/// `<Sip>`: address, digest credentials and where its progress is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sip {
    /// `sip:user@host;transport=…?headers`, see [`crate::SipAddress`].
    pub uri: String,
    /// Digest user and password; they are visible in the carrier's request log, so they open this trunk only.
    pub credentials: Option<(String, String)>,
    /// Absolute URL for `initiated ringing answered completed`.
    pub status_callback: Option<String>,
}

/// `<Connect><Stream>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// `wss` URL without a query (carriers strip it).
    pub url: String,
    /// Absolute URL asked for what to do when the stream ended.
    pub action: String,
    /// Custom parameters, repeated to the server in its `start` message.
    pub parameters: Vec<(String, String)>,
}

/// `<Say>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// The words.
    pub text: String,
    /// BCP 47 tag; the carrier's default when absent.
    pub language: Option<String>,
}

/// `<Record>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Absolute URL asked for what to do next. Always explicit: the default is the current URL, a loop.
    pub action: String,
    /// Longest recording, seconds.
    pub max_length_s: u32,
    /// Silence that ends the recording, seconds.
    pub timeout_s: u16,
    /// Absolute URL told when the recording can be fetched.
    pub status_callback: Option<String>,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// Nobody has this number (SIP 404).
    Rejected,
    /// The number is busy (SIP 486).
    Busy,
}

impl Twiml {
    /// An answer that does nothing: what a status callback gets.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Says `text`, then hangs up.
    pub fn goodbye(text: &str, language: Option<&str>) -> Self {
        let say = Say { text: text.to_owned(), language: language.map(str::to_owned) };
        Self { verbs: vec![Verb::Say(say), Verb::Hangup] }
    }

    /// Ends the call without a word.
    pub fn hangup() -> Self {
        Self { verbs: vec![Verb::Hangup] }
    }

    /// The document as it goes on the wire: UTF-8, no byte order mark, well formed.
    ///
    /// # Errors
    /// When it is larger than a carrier takes, or a stream parameter is.
    pub fn render(&self) -> Result<String, TwimlError> {
        let mut out = Document::start()?;
        out.open("Response", &[])?;
        for verb in &self.verbs {
            out.verb(verb)?;
        }
        out.close("Response")?;
        out.finish()
    }
}

/// Attributes of an element; absent ones are left out.
type Attributes<'a> = [(&'static str, Option<String>)];

struct Document {
    writer: Writer<Vec<u8>>,
}

impl Document {
    fn start() -> Result<Self, TwimlError> {
        let mut document = Self { writer: Writer::new(Vec::new()) };
        document.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(document)
    }

    fn finish(self) -> Result<String, TwimlError> {
        let bytes = self.writer.into_inner();
        if bytes.len() > MAX_DOCUMENT {
            return Err(TwimlError::TooLarge);
        }
        String::from_utf8(bytes).map_err(|_| TwimlError::Write)
    }

    fn verb(&mut self, verb: &Verb) -> Result<(), TwimlError> {
        match verb {
            Verb::Dial(dial) => self.dial(dial),
            Verb::Connect(connect) => self.connect(connect),
            Verb::Say(say) => self.text("Say", &[("language", say.language.clone())], &say.text),
            Verb::Record(record) => self.record(record),
            Verb::Pause(seconds) => self.empty("Pause", &[("length", Some(seconds.to_string()))]),
            Verb::Redirect(url) => self.text("Redirect", &[("method", post())], url),
            Verb::Reject(reason) => self.empty("Reject", &[("reason", Some(reason.name().to_owned()))]),
            Verb::Hangup => self.empty("Hangup", &[]),
        }
    }

    fn dial(&mut self, dial: &Dial) -> Result<(), TwimlError> {
        self.open(
            "Dial",
            &[
                ("answerOnBridge", Some(dial.answer_on_bridge.to_string())),
                ("timeout", Some(dial.timeout_s.to_string())),
                ("timeLimit", Some(dial.time_limit_s.to_string())),
                ("action", Some(dial.action.clone())),
                ("method", post()),
            ],
        )?;
        let sip = &dial.sip;
        let (username, password) = sip.credentials.clone().unzip();
        let callback = sip.status_callback.as_ref();
        self.text(
            "Sip",
            &[
                ("username", username),
                ("password", password),
                ("statusCallback", callback.cloned()),
                ("statusCallbackMethod", callback.and_then(|_| post())),
                ("statusCallbackEvent", callback.map(|_| "initiated ringing answered completed".to_owned())),
            ],
            &sip.uri,
        )?;
        self.close("Dial")
    }

    fn connect(&mut self, connect: &Connect) -> Result<(), TwimlError> {
        self.open("Connect", &[("action", Some(connect.action.clone())), ("method", post())])?;
        self.open("Stream", &[("url", Some(connect.url.clone()))])?;
        for (name, value) in &connect.parameters {
            if name.chars().count() + value.chars().count() >= MAX_PARAMETER {
                return Err(TwimlError::ParameterTooLong);
            }
            self.empty("Parameter", &[("name", Some(name.clone())), ("value", Some(value.clone()))])?;
        }
        self.close("Stream")?;
        self.close("Connect")
    }

    fn record(&mut self, record: &Record) -> Result<(), TwimlError> {
        let callback = record.status_callback.as_ref();
        self.empty(
            "Record",
            &[
                ("action", Some(record.action.clone())),
                ("method", post()),
                ("maxLength", Some(record.max_length_s.to_string())),
                ("timeout", Some(record.timeout_s.to_string())),
                ("playBeep", Some("true".to_owned())),
                ("recordingStatusCallback", callback.cloned()),
                ("recordingStatusCallbackMethod", callback.and_then(|_| post())),
            ],
        )
    }

    fn open(&mut self, name: &str, attributes: &Attributes<'_>) -> Result<(), TwimlError> {
        self.event(Event::Start(element(name, attributes)))
    }

    fn close(&mut self, name: &str) -> Result<(), TwimlError> {
        self.event(Event::End(BytesEnd::new(name)))
    }

    fn empty(&mut self, name: &str, attributes: &Attributes<'_>) -> Result<(), TwimlError> {
        self.event(Event::Empty(element(name, attributes)))
    }

    fn text(&mut self, name: &str, attributes: &Attributes<'_>, text: &str) -> Result<(), TwimlError> {
        self.open(name, attributes)?;
        self.event(Event::Text(BytesText::new(&printable(text))))?;
        self.close(name)
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), TwimlError> {
        self.writer.write_event(event).map_err(|_| TwimlError::Write)
    }
}

impl RejectReason {
    fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Busy => "busy",
        }
    }
}

fn post() -> Option<String> {
    Some("POST".to_owned())
}

fn element<'a>(name: &'a str, attributes: &Attributes<'_>) -> BytesStart<'a> {
    let mut element = BytesStart::new(name);
    for (key, value) in attributes {
        if let Some(value) = value {
            element.push_attribute((*key, printable(value).as_str()));
        }
    }
    element
}

/// `text` without what XML 1.0 cannot carry and without marks that reorder what a person reads.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|&c| !c.is_control() && !reorders(c) && !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

/// The Unicode bidirectional controls.
fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use quick_xml::Reader;

    /// Renders, and reads back with a real parser: attributes and text as a carrier sees them.
    #[track_caller]
    fn check(verb: Verb, expected: &str) {
        let xml = Twiml { verbs: vec![verb] }.render().unwrap();
        well_formed(&xml);
        let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>").unwrap();
        assert_eq!(body.strip_suffix("</Response>").unwrap(), expected);
    }

    #[track_caller]
    fn well_formed(xml: &str) {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        loop {
            match reader.read_event().expect("well formed") {
                Event::Eof => break,
                Event::Start(element) | Event::Empty(element) => {
                    for attribute in element.attributes() {
                        attribute.expect("attributes are well formed");
                    }
                }
                _ => {}
            }
        }
    }

    fn say(text: &str) -> Verb {
        Verb::Say(Say { text: text.to_owned(), language: None })
    }

    #[test]
    fn a_sip_dial_carries_credentials_and_callbacks() {
        let sip = Sip {
            uri: "sip:call-CA1@p.sip.livekit.cloud;transport=tcp?x-a=1&x-b=2".to_owned(),
            credentials: Some(("u".to_owned(), "p\"<".to_owned())),
            status_callback: Some("https://h/call-status".to_owned()),
        };
        let dial = Dial {
            action: "https://h/dial-result/t".to_owned(),
            timeout_s: 20,
            time_limit_s: 3600,
            answer_on_bridge: true,
            sip,
        };
        check(
            Verb::Dial(dial),
            "<Dial answerOnBridge=\"true\" timeout=\"20\" timeLimit=\"3600\" \
             action=\"https://h/dial-result/t\" method=\"POST\"><Sip username=\"u\" \
             password=\"p&quot;&lt;\" statusCallback=\"https://h/call-status\" \
             statusCallbackMethod=\"POST\" statusCallbackEvent=\"initiated ringing answered completed\">\
             sip:call-CA1@p.sip.livekit.cloud;transport=tcp?x-a=1&amp;x-b=2</Sip></Dial>",
        );
    }

    #[test]
    fn a_stream_carries_its_parameters() {
        let connect = Connect {
            url: "wss://m/s".to_owned(),
            action: "https://h/dial-result/t".to_owned(),
            parameters: vec![("token".to_owned(), "1.x".to_owned())],
        };
        check(
            Verb::Connect(connect),
            "<Connect action=\"https://h/dial-result/t\" method=\"POST\"><Stream url=\"wss://m/s\">\
             <Parameter name=\"token\" value=\"1.x\"/></Stream></Connect>",
        );
    }

    #[test]
    fn text_is_escaped_and_control_characters_are_dropped() {
        check(
            say("Hi <b>&\"\u{0}\u{8}\u{202e}\u{1f600}\u{200f}'"),
            "<Say>Hi &lt;b&gt;&amp;&quot;\u{1f600}&apos;</Say>",
        );
    }

    #[test]
    fn voicemail_and_refusals_are_explicit() {
        let record = Record {
            action: "https://h/a".to_owned(),
            max_length_s: 120,
            timeout_s: 5,
            status_callback: Some("https://h/r".to_owned()),
        };
        check(
            Verb::Record(record),
            "<Record action=\"https://h/a\" method=\"POST\" maxLength=\"120\" timeout=\"5\" \
             playBeep=\"true\" recordingStatusCallback=\"https://h/r\" \
             recordingStatusCallbackMethod=\"POST\"/>",
        );
        check(Verb::Reject(RejectReason::Busy), "<Reject reason=\"busy\"/>");
        check(Verb::Reject(RejectReason::Rejected), "<Reject reason=\"rejected\"/>");
        check(
            Verb::Redirect("https://h/?a&b".to_owned()),
            "<Redirect method=\"POST\">https://h/?a&amp;b</Redirect>",
        );
        check(Verb::Pause(2), "<Pause length=\"2\"/>");
    }

    #[test]
    fn documents_beyond_the_limit_are_an_error() {
        let large = Twiml { verbs: vec![say(&"a".repeat(MAX_DOCUMENT))] };
        assert_eq!(large.render(), Err(TwimlError::TooLarge));
    }

    #[test]
    fn stream_parameters_beyond_the_limit_are_an_error() {
        let connect = Connect {
            url: "wss://m/s".to_owned(),
            action: "https://h/a".to_owned(),
            parameters: vec![("token".to_owned(), "x".repeat(495))],
        };
        let large = Twiml { verbs: vec![Verb::Connect(connect)] };
        assert_eq!(large.render(), Err(TwimlError::ParameterTooLong));
    }
}
