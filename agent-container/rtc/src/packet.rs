//! What goes over the data channels: keys of the telephone, messages, and one remote procedure. Pure.

use line::Digit;
use livekit_protocol::data_packet::Value;
use livekit_protocol::{DataPacket, RpcRequest, SipDtmf, UserPacket};
use prost::Message as _;

/// Method livekit-sip hangs its caller up on.
const END_CALL: &str = "lk.sip.EndCall";
/// The request has no headers to add to the BYE (`EndCallV1Request` as JSON).
const END_CALL_PAYLOAD: &str = "{}";
/// Version of LiveKit's RPC over data packets.
const RPC_VERSION: u32 = 1;

/// A packet that means something to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) identity: String,
    pub(crate) sid: String,
    /// Counts the sender's reliable packets from 1; 0 when the sender does not count.
    pub(crate) sequence: u32,
    pub(crate) content: Content,
}

/// What the packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Dtmf(Digit),
    Message { topic: String, payload: Vec<u8> },
}

/// `Ok(None)`: a packet for somebody else's use (transcriptions, streams, RPC).
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Received>, prost::DecodeError> {
    let packet = DataPacket::decode(bytes)?;
    let content = match packet.value {
        Some(Value::SipDtmf(dtmf)) => digit(&dtmf).map(Content::Dtmf),
        Some(Value::User(user)) => {
            Some(Content::Message { topic: user.topic.unwrap_or_default(), payload: user.payload })
        }
        _ => None,
    };
    Ok(content.map(|content| Received {
        identity: packet.participant_identity,
        sid: packet.participant_sid,
        sequence: packet.sequence,
        content,
    }))
}

/// The character wins: a sender that fills in one of both fills in the digit.
fn digit(dtmf: &SipDtmf) -> Option<Digit> {
    let from_char = dtmf.digit.chars().next().and_then(Digit::from_char);
    from_char.or_else(|| Digit::from_code(dtmf.code))
}

/// One key, to be played to the telephone.
pub(crate) fn dtmf(digit: Digit) -> Vec<u8> {
    encode(Value::SipDtmf(SipDtmf { code: digit.code(), digit: digit.as_char().to_string() }), None)
}

/// A message for everybody.
pub(crate) fn message(topic: String, payload: Vec<u8>) -> Vec<u8> {
    encode(Value::User(UserPacket { topic: Some(topic), payload, ..UserPacket::default() }), None)
}

/// Asks a SIP participant to hang its caller up.
pub(crate) fn end_call(request_id: String, identity: &str, response_timeout_ms: u32) -> Vec<u8> {
    let request = RpcRequest {
        id: request_id,
        method: END_CALL.into(),
        payload: END_CALL_PAYLOAD.into(),
        response_timeout_ms,
        version: RPC_VERSION,
        ..RpcRequest::default()
    };
    encode(Value::RpcRequest(request), Some(identity))
}

fn encode(value: Value, to: Option<&str>) -> Vec<u8> {
    let destination_identities = to.map(str::to_owned).into_iter().collect();
    DataPacket { destination_identities, value: Some(value), ..DataPacket::default() }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use line::Digit;
    use livekit_protocol::SipDtmf;
    use livekit_protocol::data_packet::Value;

    use super::{Content, decode, dtmf, encode, end_call, message};

    fn content(bytes: &[u8]) -> Option<Content> {
        decode(bytes).expect("a packet").map(|received| received.content)
    }

    #[test]
    fn keys_and_messages_arrive_as_they_were_sent() {
        let five = Digit::from_char('5').expect("a key");
        assert_eq!(content(&dtmf(five)), Some(Content::Dtmf(five)));
        let expected = Content::Message { topic: "t".into(), payload: vec![1, 2] };
        assert_eq!(content(&message("t".into(), vec![1, 2])), Some(expected));
    }

    #[test]
    fn a_key_given_as_code_or_as_character_is_the_same() {
        let pound = Digit::from_char('#');
        for (code, digit) in [(11, "#"), (11, ""), (0, "#"), (99, "#")] {
            let bytes = encode(Value::SipDtmf(SipDtmf { code, digit: digit.into() }), None);
            assert_eq!(content(&bytes), pound.map(Content::Dtmf), "{code} {digit}");
        }
        assert_eq!(content(&encode(Value::SipDtmf(SipDtmf { code: 99, digit: "x".into() }), None)), None);
    }

    #[test]
    fn other_packets_are_nobodys_and_garbage_is_an_error() {
        assert_eq!(content(&end_call("1".into(), "sip_1", 1000)), None);
        assert_eq!(content(&[]), None);
        assert!(decode(&[0xff; 9]).is_err());
    }
}
