//! Why a call ended, and whose doing it was.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::Whose;

macro_rules! end_reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $whose:ident, $retell:literal;)*) => {
        /// Why a call ended: exactly one for every call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EndReason {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl EndReason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name in JSON, logs and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whose doing it was.
            #[must_use]
            pub const fn whose(self) -> Whose {
                match self { $(Self::$name => Whose::$whose,)* }
            }

            /// The nearest of Retell's `disconnection_reason`s, for those who move over from there.
            #[must_use]
            pub const fn retell(self) -> &'static str {
                match self { $(Self::$name => $retell,)* }
            }
        }
    };
}

end_reasons! {
    /// The caller hung up after being answered.
    CallerHangup = "caller_hangup", Nobody, "user_hangup";
    /// The caller hung up before being answered.
    CallerCancelled = "caller_cancelled", Nobody, "user_hangup";
    /// The agent said goodbye and hung up.
    AgentHangup = "agent_hangup", Nobody, "agent_hangup";
    /// The agent put the caller through to somebody else.
    Transferred = "transferred", Nobody, "call_transfer";
    /// The agent stayed until the caller was connected to somebody else.
    TransferBridged = "transfer_bridged", Nobody, "transfer_bridged";
    /// The person the caller was put through to did not take the call.
    TransferCancelled = "transfer_cancelled", Nobody, "transfer_cancelled";
    /// The system in use before took the call.
    HandedOver = "handed_over", Nobody, "transfer_bridged";
    /// The caller was offered to leave a message.
    Voicemail = "voicemail", Nobody, "voicemail_reached";
    /// We called and reached an answering machine.
    VoicemailReached = "voicemail_reached", Nobody, "voicemail_reached";
    /// We called and reached a menu.
    IvrReached = "ivr_reached", Nobody, "ivr_reached";
    /// The caller was silent for too long.
    Inactivity = "inactivity", Caller, "inactivity";
    /// The call reached its greatest length.
    MaxDuration = "max_duration", Nobody, "max_duration_reached";
    /// Every agent was busy.
    CapacityFull = "capacity_full", Us, "concurrency_limit_reached";
    /// The caller, or all callers of the number, called too often.
    RateLimited = "rate_limited", Caller, "concurrency_limit_reached";
    /// Nobody configured the number that was called.
    UnknownNumber = "unknown_number", Operator, "invalid_destination";
    /// The configuration of the number or its agent cannot be used.
    BadConfiguration = "bad_configuration", Operator, "error_retell";
    /// The call was judged a fraud.
    Scam = "scam", Caller, "scam_detected";
    /// The call was judged spam.
    Spam = "spam", Caller, "marked_as_spam";
    /// The called line was busy.
    DialBusy = "dial_busy", Nobody, "dial_busy";
    /// The carrier could not place the call.
    DialFailed = "dial_failed", Carrier, "dial_failed";
    /// Nobody answered.
    DialNoAnswer = "dial_no_answer", Nobody, "dial_no_answer";
    /// The called party refused.
    Declined = "declined", Nobody, "user_declined";
    /// The number called does not exist.
    InvalidDestination = "invalid_destination", Caller, "invalid_destination";
    /// The carrier does not let us place this call.
    PermissionDenied = "permission_denied", Operator, "telephony_provider_permission_denied";
    /// The carrier's network failed.
    CarrierUnavailable = "carrier_unavailable", Carrier, "telephony_provider_unavailable";
    /// LiveKit's SIP bridge knew no room for the call.
    SipRouting = "sip_routing", Operator, "sip_routing_error";
    /// LiveKit's SIP bridge refused the password.
    SipAuth = "sip_auth", Operator, "sip_routing_error";
    /// LiveKit's SIP bridge or server failed.
    LiveKitUnavailable = "livekit_unavailable", LiveKit, "error_retell";
    /// The connection to LiveKit was lost and did not come back.
    LiveKitLost = "livekit_lost", LiveKit, "error_retell";
    /// No agent came.
    AgentAbsent = "agent_absent", Us, "error_retell";
    /// The agent failed in the middle of the call.
    AgentCrashed = "agent_crashed", Us, "error_retell";
    /// The agent's container was stopped and the call did not end in the time left.
    AgentDrained = "agent_drained", Us, "error_retell";
    /// Not one sound came from the caller's side.
    NoAudio = "no_audio", Carrier, "error_no_audio_received";
    /// Speech recognition failed, and so did its substitutes.
    SttFailed = "stt_failed", Vendor, "error_asr";
    /// The language model failed, and so did its substitutes.
    LlmFailed = "llm_failed", Vendor, "error_llm_websocket_runtime";
    /// The voice failed, and so did its substitutes.
    TtsFailed = "tts_failed", Vendor, "error_retell";
    /// The speech-to-speech model failed, and so did its substitutes.
    S2sFailed = "s2s_failed", Vendor, "error_llm_websocket_lost_connection";
    /// The caller's leg never came into the room.
    CallerNeverJoined = "caller_never_joined", Carrier, "error_user_not_joined";
    /// The call was announced and then nothing was heard of it.
    NeverStarted = "never_started", Carrier, "registered_call_timeout";
    /// An operator ended it.
    OperatorStopped = "operator_stopped", Operator, "manual_stopped";
    /// An operator took it over.
    TakenOver = "taken_over", Operator, "call_take_over";
    /// It is over, and every event that could say why was lost.
    Lost = "lost", Us, "error_unknown";
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole list of `disconnection_reason` in Retell's `phone_call_response.py`.
    const RETELL: &str = "user_hangup agent_hangup call_transfer transfer_bridged transfer_cancelled \
        voicemail_reached ivr_reached inactivity max_duration_reached concurrency_limit_reached \
        no_concurrency_fallback no_valid_payment scam_detected marked_as_spam dial_busy dial_failed \
        dial_no_answer invalid_destination telephony_provider_permission_denied \
        telephony_provider_unavailable sip_routing_error user_declined error_no_audio_received error_asr \
        error_user_not_joined registered_call_timeout manual_stopped call_take_over error_retell \
        error_unknown error_llm_websocket_open error_llm_websocket_lost_connection \
        error_llm_websocket_runtime error_llm_websocket_corrupt_payload";

    #[test]
    fn every_reason_has_a_name_of_retells() {
        let known: Vec<&str> = RETELL.split_whitespace().collect();
        for reason in EndReason::ALL {
            assert!(known.contains(&reason.retell()), "{reason}");
        }
    }

    #[test]
    fn names_are_what_json_says() {
        for reason in EndReason::ALL {
            assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{reason}\""));
        }
    }
}
