//! TwiML as a carrier reads it. Written apart from the code that writes TwiML, so that one checks the other.

use anyhow::{Context, Result, bail};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Call a SIP address and connect the caller to it.
    Dial(Dial),
    /// Speak to the caller.
    Say(String),
    /// Take a message.
    Record { action: Option<String>, recording_callback: Option<String> },
    /// Fetch the next instructions there.
    Redirect(String),
    /// Connect the caller's audio to a WebSocket.
    Stream(String),
    /// Refuse the call.
    Reject,
    /// End the call.
    Hangup,
    /// Wait.
    Pause,
    /// Something this carrier does not do.
    Other(String),
}

/// `<Dial>` with its `<Sip>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) action: Option<String>,
    /// Seconds to let it ring.
    pub(crate) timeout_s: Option<u64>,
    pub(crate) address: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) status_callback: Option<String>,
}

impl Dial {
    /// The address a SIP phone dials: without the headers, which a carrier turns into header fields.
    pub(crate) fn dialled(&self) -> &str {
        self.address.split('?').next().unwrap_or_default()
    }

    /// The user part of the address: the room.
    pub(crate) fn user(&self) -> &str {
        let address = self.address.strip_prefix("sip:").unwrap_or(&self.address);
        address.split('@').next().unwrap_or_default()
    }
}

/// The instructions of a document, in order.
pub(crate) fn parse(text: &str) -> Result<Vec<Verb>> {
    let mut reader = Reader::from_str(text);
    let mut document = Document::default();
    loop {
        match reader.read_event().context("the TwiML is not XML")? {
            Event::Start(tag) => document.open(&tag)?,
            Event::Empty(tag) => {
                document.open(&tag)?;
                document.close(tag.name().as_ref());
            }
            Event::End(tag) => document.close(tag.name().as_ref()),
            Event::Text(text) => document.text.push_str(&text),
            Event::GeneralRef(entity) => document.entity(&entity)?,
            Event::Eof => break,
            _ => {}
        }
    }
    if !document.is_response {
        bail!("the TwiML has no <Response>: {text}");
    }
    Ok(document.verbs)
}

#[derive(Default)]
struct Document {
    is_response: bool,
    verbs: Vec<Verb>,
    dial: Dial,
    record: (Option<String>, Option<String>),
    text: String,
}

impl Document {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<()> {
        self.text.clear();
        match tag.name().as_ref() {
            "Response" => self.is_response = true,
            "Dial" => {
                self.dial.action = attribute(tag, "action")?;
                self.dial.timeout_s = attribute(tag, "timeout")?.and_then(|text| text.parse().ok());
            }
            "Sip" => {
                self.dial.username = attribute(tag, "username")?.unwrap_or_default();
                self.dial.password = attribute(tag, "password")?.unwrap_or_default();
                self.dial.status_callback = attribute(tag, "statusCallback")?;
            }
            "Record" => {
                self.record = (attribute(tag, "action")?, attribute(tag, "recordingStatusCallback")?);
            }
            "Stream" => self.verbs.push(Verb::Stream(attribute(tag, "url")?.unwrap_or_default())),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) {
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let verb = match name {
            "Sip" => {
                self.dial.address = text;
                return;
            }
            "Response" | "Connect" | "Stream" | "Parameter" => return,
            "Dial" => Verb::Dial(std::mem::take(&mut self.dial)),
            "Say" => Verb::Say(text),
            "Record" => {
                let (action, recording_callback) = std::mem::take(&mut self.record);
                Verb::Record { action, recording_callback }
            }
            "Redirect" => Verb::Redirect(text),
            "Reject" => Verb::Reject,
            "Hangup" => Verb::Hangup,
            "Pause" => Verb::Pause,
            other => Verb::Other(other.to_owned()),
        };
        self.verbs.push(verb);
    }

    fn entity(&mut self, name: &str) -> Result<()> {
        let character = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => bail!("unknown entity &{name};"),
        };
        self.text.push(character);
        Ok(())
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
    let Some(attribute) = tag.try_get_attribute(name)? else { return Ok(None) };
    Ok(Some(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_gives_address_credentials_and_callbacks() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response><Dial action="https://h/dial-result/t?a=1&amp;b=2" timeout="20" answerOnBridge="true">
            <Sip username="u" password="p" statusCallback="https://h/call-status">sip:call-CA1@127.0.0.1:5060;transport=tcp?x-a=1&amp;x-b=2</Sip>
            </Dial></Response>"#;
        let [Verb::Dial(dial)] = &parse(text).unwrap()[..] else { panic!("one dial") };
        assert_eq!(dial.action.as_deref(), Some("https://h/dial-result/t?a=1&b=2"));
        assert_eq!(dial.timeout_s, Some(20));
        assert_eq!((dial.username.as_str(), dial.password.as_str()), ("u", "p"));
        assert_eq!(dial.address, "sip:call-CA1@127.0.0.1:5060;transport=tcp?x-a=1&x-b=2");
        assert_eq!(dial.dialled(), "sip:call-CA1@127.0.0.1:5060;transport=tcp");
        assert_eq!(dial.user(), "call-CA1");
    }

    #[test]
    fn words_and_an_end_come_in_order() {
        let verbs =
            parse("<Response><Say language=\"en\">We&apos;re busy.</Say><Hangup/></Response>").unwrap();
        assert_eq!(verbs, [Verb::Say("We're busy.".to_owned()), Verb::Hangup]);
    }

    #[test]
    fn an_empty_response_is_fine_and_anything_else_is_not() {
        assert_eq!(parse("<Response/>").unwrap(), []);
        assert!(parse("oops").is_err());
    }
}
