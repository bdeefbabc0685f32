//! baresip's control protocol: JSON in netstrings over TCP (module `ctrl_tcp`).

use std::time::Instant;

use serde_json::{Value, json};

/// What baresip reports about its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PhoneEvent {
    Ringing,
    Answered,
    FirstRtp,
    Closed { reason: String },
}

/// The call's progress as the phone saw it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The INVITE was ordered.
    pub dialled: Option<Instant>,
    /// 180 Ringing arrived first.
    pub ringing: Option<Instant>,
    /// 200 OK arrived.
    pub answered: Option<Instant>,
    /// The first packet of sound arrived.
    pub first_rtp: Option<Instant>,
    /// The call is over.
    pub closed: Option<Instant>,
    /// Why, in baresip's words: "401 Unauthorized", "Connection reset by peer" (the other side hung up),
    /// "Connection reset by user" (we did).
    pub reason: Option<String>,
}

impl Progress {
    pub(crate) fn apply(&mut self, event: PhoneEvent, at: Instant) {
        match event {
            PhoneEvent::Ringing => self.ringing = self.ringing.or(Some(at)),
            PhoneEvent::Answered => self.answered = self.answered.or(Some(at)),
            PhoneEvent::FirstRtp => self.first_rtp = self.first_rtp.or(Some(at)),
            PhoneEvent::Closed { reason } => {
                self.closed = self.closed.or(Some(at));
                self.reason = self.reason.take().or(Some(reason));
            }
        }
    }
}

/// One command as baresip wants it.
pub(crate) fn command(name: &str, parameters: &str) -> Vec<u8> {
    let message = json!({ "command": name, "params": parameters }).to_string();
    format!("{}:{message},", message.len()).into_bytes()
}

/// Collects bytes and hands out whole messages.
#[derive(Debug, Default)]
pub(crate) struct Netstrings {
    buffer: Vec<u8>,
}

impl Netstrings {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; one that is not JSON is skipped.
    pub(crate) fn pop(&mut self) -> Option<Value> {
        loop {
            let colon = self.buffer.iter().position(|&byte| byte == b':')?;
            let length: usize = std::str::from_utf8(&self.buffer[..colon]).ok()?.parse().ok()?;
            let end = colon + 1 + length;
            if self.buffer.len() <= end {
                return None;
            }
            let message = serde_json::from_slice(&self.buffer[colon + 1..end]);
            self.buffer.drain(..=end);
            if let Ok(message) = message {
                return Some(message);
            }
        }
    }
}

/// What a message says about the call, if anything.
pub(crate) fn event(message: &Value) -> Option<PhoneEvent> {
    match message.get("type")?.as_str()? {
        "CALL_RINGING" | "CALL_PROGRESS" => Some(PhoneEvent::Ringing),
        "CALL_ESTABLISHED" => Some(PhoneEvent::Answered),
        "CALL_RTPESTAB" => Some(PhoneEvent::FirstRtp),
        "CALL_CLOSED" => {
            let reason = message.get("param").and_then(Value::as_str).unwrap_or_default().to_owned();
            Some(PhoneEvent::Closed { reason })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_split_anywhere_come_out_whole() {
        let mut stream = command("dial", "sip:a@b");
        stream.extend(br#"46:{"type":"CALL_CLOSED","param":"486 Busy Here"},"#);
        let mut netstrings = Netstrings::default();
        let mut messages = Vec::new();
        for byte in stream {
            netstrings.push(&[byte]);
            messages.extend(netstrings.pop());
        }
        assert_eq!(messages[0]["params"], "sip:a@b");
        assert_eq!(event(&messages[0]), None);
        assert_eq!(event(&messages[1]), Some(PhoneEvent::Closed { reason: "486 Busy Here".to_owned() }));
    }
}
